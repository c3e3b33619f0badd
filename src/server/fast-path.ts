import { createHotPaths } from '../rpc/hot/hot-paths.ts';
import { hotMethods } from '../rpc/hot/methods.ts';
import { hotStreams } from '../rpc/hot/streams.ts';
import type { Refused } from '../rpc/refusal.ts';
import type { App } from './compose.ts';
import type { MessageSettings } from './config.ts';
import type { ListenOptions } from './listen.ts';
import type { Logger } from './logger.ts';
import type { Metrics } from './metrics.ts';
import { logsUnexpected } from './unexpected.ts';

/** The part of `App` that the fast path calls. */
export type FastPathApp = Pick<App, 'access' | 'admission' | 'evaluation'>;

/** How a port answers hot calls by itself. */
export function withFastPath(
  { access, admission, evaluation }: FastPathApp,
  messages: MessageSettings,
  log: Pick<Logger, 'error'>,
  recordCall: Metrics['recordCall'],
  refused: Refused,
): Required<Pick<ListenOptions, 'onStream' | 'onHttp1'>> {
  const { onStream, onRequest } = createHotPaths({
    ...{ access, admission, recordCall, refused },
    clock: evaluation.clock,
    methods: hotMethods(evaluation, messages.maxJsonDepth),
    streams: hotStreams(evaluation),
    maxMessageBytes: messages.maxEvaluateBytes,
    receiveTimeoutMs: messages.receiveTimeoutMs,
    unaryTimeoutMs: messages.unaryTimeoutMs,
    cors: { allows: (origin) => access.allowsOrigin(origin) },
    logUnexpected: logsUnexpected(log),
  });
  return { onStream, onHttp1: onRequest };
}

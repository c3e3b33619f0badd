import { createHotPaths } from '../rpc/hot/hot-paths.ts';
import { hotMethods } from '../rpc/hot/methods.ts';
import { hotStreams } from '../rpc/hot/streams.ts';
import type { App } from './compose.ts';
import type { MessageSettings } from './config.ts';
import type { ListenOptions } from './listen.ts';
import type { Logger } from './logger.ts';
import type { Metrics } from './metrics.ts';

/** The part of `App` that the fast path calls. */
export type FastPathApp = Pick<App, 'access' | 'admission' | 'evaluation'>;

/** How a port answers hot calls by itself. */
export function withFastPath(
  { access, admission, evaluation }: FastPathApp,
  messages: MessageSettings,
  log: Pick<Logger, 'error' | 'warn'>,
  recordCall: Metrics['recordCall'],
): Required<Pick<ListenOptions, 'onStream' | 'onHttp1'>> {
  const { onStream, onRequest } = createHotPaths({
    ...{ access, admission, recordCall },
    clock: evaluation.clock,
    methods: hotMethods(evaluation, messages.maxJsonDepth),
    streams: hotStreams(evaluation),
    maxMessageBytes: messages.maxEvaluateBytes,
    receiveTimeoutMs: messages.receiveTimeoutMs,
    unaryTimeoutMs: messages.unaryTimeoutMs,
    cors: { allows: (origin) => access.allowsOrigin(origin) },
    refused: (refusal) => log.warn(refusal, 'refused'),
    logUnexpected: (error, method) => log.error({ err: error, method }, 'a call failed unexpectedly'),
  });
  return { onStream, onHttp1: onRequest };
}

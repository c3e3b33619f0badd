import { create } from '@bufbuild/protobuf';
import { createContextKey, type ServiceImpl } from '@connectrpc/connect';
import { EvaluateStreamResponseSchema, type EvaluationService } from '../../gen/vexil/v1/evaluation_pb.ts';
import { keyInvalid } from '../app/access.ts';
import type { Place } from '../app/environment-access.ts';
import { until } from '../app/until.ts';
import { watch } from '../app/watch.ts';
import { decisionOf } from './convert/decision.ts';
import { evaluateAllResponse, evaluateResponse, handshakeResponse } from './convert/evaluated.ts';
import { watchMessage } from './convert/watch.ts';
import type { EvaluationParts } from './evaluation-parts.ts';
import { placeOnStream } from './hot/checked-query.ts';
import { evaluate, evaluateStreamed } from './hot/evaluate.ts';
import { evaluateAll } from './hot/evaluate-all.ts';
import { handshake } from './hot/handshake.ts';
import { principalOf } from './principal-key.ts';
import { serviceStopping } from './service-stopping.ts';
import { watchRequestFrom } from './watch-call.ts';
import { evaluateAllQuery, evaluateQuery, handshakeQuery, streamQuery } from './wire/query-of.ts';

export type { EvaluationParts } from './evaluation-parts.ts';

/** Where the HTTP adapter leaves a way to end the call's connection stream: for callers that do not read. */
export const terminateKey = createContextKey<() => void>(() => undefined, { description: 'terminate' });

/** EvaluationService: reads the request, asks the app, writes the answer. */
export function evaluationService(parts: EvaluationParts): ServiceImpl<typeof EvaluationService> {
  return {
    evaluate: async (request, context) =>
      evaluateResponse(await evaluate(parts, principalOf(context), evaluateQuery(request))),

    evaluateAll: async (request, context) =>
      evaluateAllResponse(await evaluateAll(parts, principalOf(context), evaluateAllQuery(request))),

    handshake: async (request, context) =>
      handshakeResponse(
        await handshake(parts, principalOf(context), handshakeQuery(request)),
        parts.serverVersion,
      ),

    async *watchFlags(request, context) {
      const terminate = context.values.get(terminateKey);
      const asked = watchRequestFrom(parts, principalOf(context), request, terminate);
      for await (const event of watch(parts.watch, asked, context.signal))
        yield watchMessage(asked.place, event);
    },

    async *evaluateStream(requests, context) {
      const principal = principalOf(context);
      const ended = new AbortController();
      const stop = () => ended.abort(serviceStopping());
      if (parts.watch.ending.aborted) stop();
      parts.watch.ending.addEventListener('abort', stop, { once: true });
      using _key = parts.access.onInvalid(principal, () => ended.abort(keyInvalid()));
      let place: Place | undefined;
      try {
        for await (const request of until(requests, ended.signal)) {
          place = placeOnStream(principal, request.environment, place);
          const { outcome, revision } = evaluateStreamed(parts, principal, place, streamQuery(request));
          const answer = { id: request.id, decision: decisionOf(outcome), revision: BigInt(revision) };
          yield create(EvaluateStreamResponseSchema, answer);
        }
      } finally {
        parts.watch.ending.removeEventListener('abort', stop);
      }
    },
  };
}

import { create } from '@bufbuild/protobuf';
import { createContextKey, type ServiceImpl } from '@connectrpc/connect';
import type { EvaluationService, WatchFlagsRequest } from '../../gen/vexil/v1/evaluation_pb.ts';
import { EvaluateStreamResponseSchema } from '../../gen/vexil/v1/evaluation_pb.ts';
import { keyInvalid } from '../app/access.ts';
import type { ContextLimits } from '../app/decisions.ts';
import { type Place, snapshotAt } from '../app/environment-access.ts';
import type { Principal } from '../app/principal.ts';
import { until } from '../app/until.ts';
import { watch } from '../app/watch.ts';
import type { WatchRequest } from '../app/watch-request.ts';
import { FlagError, invalid } from '../core/errors.ts';
import { contextFrom } from './convert/context.ts';
import { decisionOf } from './convert/decision.ts';
import { evaluateAllResponse, evaluateResponse, handshakeResponse } from './convert/evaluated.ts';
import { watchMessage } from './convert/watch.ts';
import type { EvaluationParts } from './evaluation-parts.ts';
import { checkClient, checkedFlagKeys, placeIn, placeOnStream } from './hot/checked-query.ts';
import { evaluate, evaluateStreamed } from './hot/evaluate.ts';
import { evaluateAll } from './hot/evaluate-all.ts';
import { handshake } from './hot/handshake.ts';
import { principalOf } from './principal-key.ts';
import { evaluateAllQuery, evaluateQuery, handshakeQuery, streamQuery } from './wire/query-of.ts';

export type { EvaluationParts } from './evaluation-parts.ts';

/** Where the HTTP adapter leaves a way to end the call's connection stream: for callers that do not read. */
export const terminateKey = createContextKey<() => void>(() => undefined, { description: 'terminate' });

/** EvaluationService: reads the request, asks the app, writes the answer. */
export function evaluationService(parts: EvaluationParts): ServiceImpl<typeof EvaluationService> {
  const { catalog } = parts;
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
      const principal = principalOf(context);
      const place = placeIn(principal, request.environment);
      checkClient(request.client);
      snapshotAt(catalog, place);
      const asked: WatchRequest = {
        principal,
        place,
        view: viewFrom(request, principal, parts.contextLimits),
        flagKeys: checkedFlagKeys(request.flagKeys),
        resumeToken: request.resumeToken,
        terminate: context.values.get(terminateKey),
      };
      for await (const event of watch(parts.watch, asked, context.signal)) yield watchMessage(place, event);
    },

    async *evaluateStream(requests, context) {
      const principal = principalOf(context);
      const ended = new AbortController();
      const goodbye = new FlagError('unavailable', 'the service is stopping', { reason: 'GOODBYE_SHUTDOWN' });
      const stop = () => ended.abort(goodbye);
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

function viewFrom(
  request: WatchFlagsRequest,
  principal: Principal,
  limits: ContextLimits,
): WatchRequest['view'] {
  switch (request.view.case) {
    case 'decisions':
      return { kind: 'decisions', context: contextFrom(request.view.value.context, limits) };
    case 'definitions':
      if (principal.kind === 'web')
        throw new FlagError('forbidden', 'a web key may watch decisions only', { reason: 'KEY_KIND' });
      return { kind: 'definitions' };
    case undefined:
      throw invalid([{ path: 'view', message: 'must be definitions or decisions' }]);
  }
}

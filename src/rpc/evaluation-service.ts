import { create } from '@bufbuild/protobuf';
import { createContextKey, type ServiceImpl } from '@connectrpc/connect';
import {
  EvaluateAllResponseSchema,
  type EvaluateRequest,
  type EvaluateResponse,
  type EvaluateStreamRequest,
  EvaluateStreamResponseSchema,
  type EvaluationService,
  HandshakeResponseSchema,
  type WatchFlagsRequest,
} from '../../gen/vexil/v1/evaluation_pb.ts';
import { type Access, keyInvalid } from '../app/access.ts';
import type { Catalog } from '../app/catalog.ts';
import {
  type ContextLimits,
  decide,
  decideAll,
  mismatches,
  notFound,
  typeMismatch,
} from '../app/decisions.ts';
import { type Place, placeOf, snapshotAt, snapshotSince } from '../app/environment-access.ts';
import { CAPABILITIES, handshake, PROTOCOL_VERSION } from '../app/handshake.ts';
import type { Principal } from '../app/principal.ts';
import { until } from '../app/until.ts';
import { watch } from '../app/watch.ts';
import type { WatchParts, WatchRequest } from '../app/watch-request.ts';
import { FlagError, invalid } from '../core/errors.ts';
import { explain } from '../core/explain.ts';
import type { Clock } from '../ports/clock.ts';
import { contextFrom } from './convert/context.ts';
import { decisionOf, evaluateResponseOf } from './convert/decision.ts';
import { flagTypes } from './convert/enums.ts';
import { traceMessage } from './convert/trace.ts';
import { watchMessage } from './convert/watch.ts';
import { environmentName, isKey, parseEnvironment } from './names.ts';
import { principalOf } from './principal-key.ts';

/** Where the HTTP adapter leaves a way to end the call's connection stream: for callers that do not read. */
export const terminateKey = createContextKey<() => void>(() => undefined, { description: 'terminate' });

export interface EvaluationParts {
  readonly catalog: Catalog;
  readonly access: Access;
  readonly clock: Clock;
  readonly watch: WatchParts;
  readonly contextLimits: ContextLimits;
  readonly serverVersion: string;
}

const MAX_FLAG_KEYS = 5_000;
const MAX_CLIENT_TEXT = 200;

/** EvaluationService: reads the request, asks the app, writes the answer. */
export function evaluationService(parts: EvaluationParts): ServiceImpl<typeof EvaluationService> {
  const { catalog, clock } = parts;
  return {
    evaluate: (request, context) => evaluate(parts, request, principalOf(context)),

    async evaluateAll(request, context) {
      const principal = principalOf(context);
      const place = placeIn(principal, request.environment);
      const snapshot = await snapshotSince(catalog, place, revisionFrom(request.minRevision));
      const { outcomes } = decideAll(
        snapshot,
        contextFrom(request.context, parts.contextLimits),
        clock.now(),
        {
          clientVisibleOnly: principal.kind === 'web',
          ...flagKeysFrom(request.flagKeys),
        },
      );
      return create(EvaluateAllResponseSchema, {
        decisions: outcomes.map(decisionOf),
        revision: BigInt(snapshot.revision),
      });
    },

    async handshake(request, context) {
      const principal = principalOf(context);
      const place = placeIn(principal, request.environment);
      checkClient(request.client);
      const { outcomes, revision, ...answer } = await handshake(parts, {
        principal,
        place,
        protocolVersion: request.protocolVersion,
        context: contextFrom(request.context, parts.contextLimits),
        flagKeys: flagKeysFrom(request.flagKeys).flagKeys,
        etag: request.etag,
        minRevision: revisionFrom(request.minRevision),
      });
      return create(HandshakeResponseSchema, {
        ...answer,
        protocolVersion: PROTOCOL_VERSION,
        minProtocolVersion: PROTOCOL_VERSION,
        maxProtocolVersion: PROTOCOL_VERSION,
        capabilities: [...CAPABILITIES],
        serverVersion: parts.serverVersion,
        environment: environmentName(place.project, place.environment),
        revision: BigInt(revision),
        decisions: outcomes.map(decisionOf),
      });
    },

    async *watchFlags(request, context) {
      const principal = principalOf(context);
      const place = placeIn(principal, request.environment);
      checkClient(request.client);
      snapshotAt(catalog, place);
      const asked: WatchRequest = {
        principal,
        place,
        view: viewFrom(request, principal, parts.contextLimits),
        flagKeys: flagKeysFrom(request.flagKeys).flagKeys,
        resumeToken: request.resumeToken,
        terminate: context.values.get(terminateKey),
      };
      for await (const event of watch(parts.watch, asked, context.signal)) yield watchMessage(place, event);
    },

    async *evaluateStream(requests, context) {
      const principal = principalOf(context);
      const isWeb = principal.kind === 'web';
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
          yield evaluateOne(parts, request, place, isWeb);
        }
      } finally {
        parts.watch.ending.removeEventListener('abort', stop);
      }
    },
  };
}

/** The environment that the first message names; a later one may only repeat it. */
function placeOnStream(principal: Principal, environment: string, place: Place | undefined): Place {
  if (place === undefined || environment === '') return place ?? placeIn(principal, environment);
  if (environment !== environmentName(place.project, place.environment))
    throw invalid([{ path: 'environment', message: 'must be that of the first message' }]);
  return place;
}

async function evaluate(
  parts: EvaluationParts,
  request: EvaluateRequest,
  principal: Principal,
): Promise<EvaluateResponse> {
  const place = placeIn(principal, request.environment);
  const key = flagKeyFrom(request.flagKey);
  const context = contextFrom(request.context, parts.contextLimits);
  const snapshot = await snapshotSince(parts.catalog, place, revisionFrom(request.minRevision));
  const now = parts.clock.now();
  const outcome = decide(snapshot, key, context, now, principal.kind === 'web');
  if (mismatches(outcome, flagTypes.fromWire(request.expectedType)))
    throw new FlagError('failed_precondition', `flag ${key} is of type ${outcome.type}`, {
      reason: 'TYPE_MISMATCH',
      metadata: { type: outcome.type ?? '' },
    });
  const response = evaluateResponseOf(outcome, snapshot.revision);
  if (!request.explain) return response;
  if (principal.kind === 'web')
    throw new FlagError('forbidden', 'a web key cannot ask how a decision came about', {
      reason: 'KEY_KIND',
    });
  response.trace = traceMessage(explain(snapshot, key, context, now).steps);
  return response;
}

function evaluateOne(parts: EvaluationParts, request: EvaluateStreamRequest, place: Place, isWeb: boolean) {
  const snapshot = snapshotAt(parts.catalog, place);
  const context = contextFrom(request.context, parts.contextLimits);
  const key = request.flagKey;
  const decided = isKey(key) ? decide(snapshot, key, context, parts.clock.now(), isWeb) : notFound(key);
  const outcome = mismatches(decided, flagTypes.fromWire(request.expectedType))
    ? typeMismatch(decided)
    : decided;
  return create(EvaluateStreamResponseSchema, {
    id: request.id,
    decision: decisionOf(outcome),
    revision: BigInt(snapshot.revision),
  });
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

function placeIn(principal: Principal, environment: string): Place {
  return placeOf(principal, environment === '' ? undefined : parseEnvironment(environment, 'environment'));
}

function flagKeyFrom(key: string): string {
  if (!isKey(key)) throw invalid([{ path: 'flag_key', message: 'must be a flag key' }]);
  return key;
}

function flagKeysFrom(keys: readonly string[]): { flagKeys?: readonly string[] } {
  if (keys.length > MAX_FLAG_KEYS)
    throw new FlagError('exhausted', `flag_keys: more than ${MAX_FLAG_KEYS}`, {
      reason: 'TOO_MANY_FLAG_KEYS',
    });
  const wrong = keys.findIndex((key) => !isKey(key));
  if (wrong >= 0) throw invalid([{ path: `flag_keys[${wrong}]`, message: 'must be a flag key' }]);
  return keys.length === 0 ? {} : { flagKeys: keys };
}

function revisionFrom(revision: bigint): number {
  if (revision < 0n || revision > BigInt(Number.MAX_SAFE_INTEGER))
    throw invalid([{ path: 'min_revision', message: 'must not be negative' }]);
  return Number(revision);
}

function checkClient(client: { readonly name: string; readonly version: string } | undefined): void {
  if (client === undefined) return;
  for (const field of ['name', 'version'] as const)
    if (client[field].length > MAX_CLIENT_TEXT)
      throw invalid([{ path: `client.${field}`, message: `must be at most ${MAX_CLIENT_TEXT} characters` }]);
}

import { create } from '@bufbuild/protobuf';
import { timestampFromMs } from '@bufbuild/protobuf/wkt';
import {
  type FlagDefinition,
  WatchDelta_Cause,
  type WatchFlagsResponse,
  WatchFlagsResponseSchema,
  WatchGoodbye_Reason,
  WatchHello_Intent,
  WatchHello_IntentReason,
} from '../../../gen/vexil/v1/evaluation_pb.ts';
import type { Place } from '../../app/environment-access.ts';
import type { Content, GoodbyeReason, StartReason, WatchEvent } from '../../app/watch-events.ts';
import type { CompiledFlag } from '../../core/compile-flag.ts';
import { environmentName } from '../names.ts';
import { decisionOf } from './decision.ts';
import { flagDefinitionMessage } from './definition.ts';
import { releaseMessage } from './release.ts';
import { segmentMessage } from './segment.ts';

/** A watch event as a message. */
export function watchMessage(place: Place, event: WatchEvent): WatchFlagsResponse {
  return create(WatchFlagsResponseSchema, { message: bodyOf(place, event) });
}

function bodyOf(place: Place, event: WatchEvent) {
  switch (event.kind) {
    case 'hello':
      return {
        case: 'hello' as const,
        value: {
          intent: INTENTS[event.intent],
          reason: START_REASONS[event.reason],
          targetRevision: BigInt(event.targetRevision),
          heartbeatMs: event.heartbeatMs,
          environment: environmentName(place.project, place.environment),
        },
      };
    case 'part':
      return { case: 'snapshotPart' as const, value: upsertsOf(place, event.content) };
    case 'end': {
      const { count, stateHash, token } = event;
      const value = {
        revision: BigInt(event.revision),
        count,
        stateHash: new Uint8Array(stateHash),
        resumeToken: token,
      };
      return { case: 'snapshotEnd' as const, value };
    }
    case 'delta':
      return { case: 'delta' as const, value: deltaOf(place, event) };
    case 'bookmark':
      return {
        case: 'bookmark' as const,
        value: {
          revision: BigInt(event.revision),
          headHash: Uint8Array.fromHex(event.headHash),
          stalenessMs: event.stalenessMs,
          serverTime: timestampFromMs(event.now),
          resumeToken: event.token,
        },
      };
    case 'goodbye': {
      const { reason, retryAfterMs, token } = event;
      const value = { reason: GOODBYES[reason], retryAfterMs, resumeToken: token };
      return { case: 'goodbye' as const, value };
    }
  }
}

function deltaOf(place: Place, event: Extract<WatchEvent, { kind: 'delta' }>) {
  const { content } = event;
  return {
    ...upsertsOf(place, content),
    fromRevision: BigInt(event.from),
    toRevision: BigInt(event.to),
    cause: event.cause === 'change' ? WatchDelta_Cause.CHANGE : WatchDelta_Cause.SCHEDULE,
    deletedFlags: [...content.deletedFlags],
    deletedSegments: [...content.deletedSegments],
    deletedReleases: [...content.deletedReleases],
    resumeToken: event.token,
  };
}

function upsertsOf({ project, environment }: Place, content: Content) {
  return {
    flags: content.flags.map((flag) => definitionOf(project, environment, flag)),
    segments: content.segments.map(({ segment, version }) =>
      segmentMessage(project, { state: segment, version }),
    ),
    releases: content.releases.map(({ definition, version }) =>
      releaseMessage(project, { state: definition, version }),
    ),
    decisions: content.decisions.map(decisionOf),
  };
}

const definitions = new WeakMap<CompiledFlag, FlagDefinition>();

/** The same message for every watcher. A watched definition has one version, the newer one of its two parts. */
function definitionOf(project: string, environment: string, compiled: CompiledFlag): FlagDefinition {
  let message = definitions.get(compiled);
  if (message === undefined) {
    const { flag, settings, version } = compiled;
    message = flagDefinitionMessage(
      project,
      environment,
      { state: flag, version },
      { state: settings, version },
    );
    definitions.set(compiled, message);
  }
  return message;
}

const INTENTS = {
  full: WatchHello_Intent.FULL,
  changes: WatchHello_Intent.CHANGES,
  nothing: WatchHello_Intent.NOTHING,
} as const;

const START_REASONS: Readonly<Record<StartReason, WatchHello_IntentReason>> = {
  no_token: WatchHello_IntentReason.NO_TOKEN,
  resumed: WatchHello_IntentReason.RESUMED,
  history_rewritten: WatchHello_IntentReason.HISTORY_REWRITTEN,
  compacted: WatchHello_IntentReason.COMPACTED,
  unknown_past: WatchHello_IntentReason.UNKNOWN_PAST,
  large_change: WatchHello_IntentReason.LARGE_CHANGE,
};

const GOODBYES: Readonly<Record<GoodbyeReason, WatchGoodbye_Reason>> = {
  shutdown: WatchGoodbye_Reason.SHUTDOWN,
  max_age: WatchGoodbye_Reason.MAX_AGE,
  behind: WatchGoodbye_Reason.BEHIND,
  key_revoked: WatchGoodbye_Reason.KEY_REVOKED,
  environment_gone: WatchGoodbye_Reason.ENVIRONMENT_GONE,
};

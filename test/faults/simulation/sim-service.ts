import { snapshotSince } from '../../../src/app/environment-access.ts';
import { PastStates } from '../../../src/app/past-states.ts';
import type { Principal } from '../../../src/app/principal.ts';
import { watch } from '../../../src/app/watch.ts';
import type { Content, WatchEvent } from '../../../src/app/watch-events.ts';
import type { WatchParts, WatchRequest } from '../../../src/app/watch-request.ts';
import { WatchSession } from '../../../src/app/watch-session.ts';
import { FlagError } from '../../../src/core/errors.ts';
import { Evaluation } from '../../../src/core/evaluation.ts';
import type { ChangeLog } from '../../../src/ports/change-log.ts';
import { deletedId } from '../checks/boundaries.ts';
import { reasonOf } from '../checks/check.ts';
import { Refused, type Service, type Told } from '../clients/service.ts';
import type { ObjectSeen, ViewSeen } from '../history/history.ts';
import {
  decisionWitness,
  flagContent,
  flagWitness,
  releaseWitness,
  segmentWitness,
} from '../history/witness.ts';
import { planOf } from './plans.ts';
import type { SimLife, SimReplica } from './sim-replica.ts';
import type { VirtualTime } from './virtual-time.ts';

export interface SimPlace {
  readonly project: string;
  readonly environment: string;
  readonly principal: Principal;
  readonly log: ChangeLog;
  readonly time: VirtualTime;
}

/** How long a client waits for an answer. */
const PATIENCE_MS = 2_000;

const CODES: Readonly<Record<string, string>> = {
  conflict: 'ABORTED',
  invalid: 'INVALID_ARGUMENT',
  exhausted: 'RESOURCE_EXHAUSTED',
};

/** A simulated replica as clients reach it: without a network in between, but it may die or be late. */
export function simService(replica: SimReplica, place: SimPlace): Service {
  const past = new PastStates(place.log);
  // Every other watch is one that pushes, as over the wire.
  let isPushed = false;
  const alive = (): SimLife => {
    if (replica.life === undefined) throw new Refused('UNAVAILABLE', 'DEAD');
    return replica.life;
  };
  async function ask<T>(call: (life: SimLife) => Promise<T>): Promise<T> {
    const life = alive();
    const dead = life.killed.then(() => Promise.reject(new Refused('UNAVAILABLE', 'DEAD')));
    const late = place.time
      .sleep(PATIENCE_MS)
      .then(() => Promise.reject(new Refused('DEADLINE_EXCEEDED', '')));
    for (const each of [dead, late]) each.catch(() => undefined);
    try {
      return await Promise.race([call(life), dead, late]);
    } catch (error) {
      throw refused(error);
    }
  }
  return {
    replica: replica.name,
    write: (request) =>
      ask(async ({ writer }) => {
        const plan = await planOf(request, { ...place, past });
        const { project } = place;
        const rest = { requestDigest: request.key, validateOnly: false, mayHalt: true } as const;
        const said = { action: request.wish.kind, actor: 'key:writer', reason: reasonOf(request.key) };
        return await writer.commit(
          { project, ...said, ...rest, idempotencyKey: `call:${request.key}` },
          plan,
        );
      }),
    evaluate: (flag, context, minRevision) =>
      ask(async ({ catalog }) => {
        const snapshot = await snapshotSince(catalog, place, minRevision);
        const outcome = new Evaluation(snapshot, context, 0).flag(flag);
        return { revision: snapshot.revision, witness: decisionWitness(outcome) };
      }),
    staleness: () =>
      ask(async ({ catalog }) => ({
        revision: catalog.state(place.project).revision,
        stalenessMs: catalog.stalenessMs(place.project),
      })),
    watch: (view, token, signal) => {
      isPushed = !isPushed;
      return watching(replica.name, alive, { view, token, signal, place, isPushed });
    },
  };
}

interface WatchAsked {
  readonly view: ViewSeen;
  readonly token: string;
  readonly signal: AbortSignal;
  readonly place: SimPlace;
  readonly isPushed: boolean;
}

async function* watching(
  replica: string,
  alive: () => SimLife,
  { view, token, signal, place, isPushed }: WatchAsked,
): AsyncGenerator<Told> {
  const life = alive();
  const request = {
    ...{ principal: place.principal, place, view, flagKeys: undefined, resumeToken: token },
    terminate: () => undefined,
  };
  const dead = life.killed.then(() => Promise.reject(new Refused('UNAVAILABLE', 'DEAD')));
  const left = new Promise<never>((_, reject) => {
    signal.addEventListener('abort', () => reject(new Refused('CANCELLED', 'LEFT')), { once: true });
  });
  for (const each of [dead, left]) each.catch(() => undefined);
  const events = isPushed ? pushed(life.watch, request, signal) : watch(life.watch, request, signal);
  try {
    for (;;) {
      const { value } = await Promise.race([events.next(), dead, left]);
      yield toldBy(replica, view, value, place.time.clock().now() - place.time.nowMs);
    }
  } catch (error) {
    throw refused(error);
  }
}

/** What a session pushes, for whoever pulls: it waits whenever a message has not been taken yet. */
async function* pushed(
  parts: WatchParts,
  request: WatchRequest,
  signal: AbortSignal,
): AsyncGenerator<WatchEvent, never> {
  const arrived: WatchEvent[] = [];
  let failure: unknown;
  let wake = () => {};
  const take = (event: WatchEvent) => {
    arrived.push(event);
    wake();
    return false;
  };
  const end = (error: unknown) => {
    failure = error;
    wake();
  };
  using session = new WatchSession(parts, request, { take, end });
  signal.addEventListener('abort', () => session[Symbol.dispose](), { once: true });
  for (;;) {
    const event = arrived.shift();
    if (event !== undefined) {
      yield event;
      session.drained();
    } else if (failure !== undefined) throw failure;
    else
      await new Promise<void>((resume) => {
        wake = resume;
      });
  }
}

/** What is said in an event, in the words of the recorder. */
function toldBy(replica: string, view: ViewSeen, event: WatchEvent, startMs: number): Told {
  const token = 'token' in event ? { token: event.token } : {};
  switch (event.kind) {
    case 'hello':
      return {
        message: {
          replica,
          kind: 'hello',
          intent: event.intent,
          reason: event.reason,
          target: event.targetRevision,
        },
      };
    case 'part':
      return { message: { replica, kind: 'part', objects: objectsIn(event.content) } };
    case 'end': {
      const { revision, count } = event;
      const stateHash = Buffer.from(event.stateHash).toString('hex');
      return { message: { replica, kind: 'end', revision, count, stateHash }, ...token };
    }
    case 'delta': {
      const { kind, from, to, cause, content } = event;
      const upserts = objectsIn(content);
      return {
        message: { replica, kind, from, to, cause, upserts, deletes: deletesIn(view, content) },
        ...token,
      };
    }
    case 'bookmark': {
      const { kind, revision, headHash, stalenessMs } = event;
      const saidAt = event.now - startMs;
      return { message: { replica, kind, revision, headHash, stalenessMs, saidAt }, ...token };
    }
    case 'goodbye':
      return {
        message: { replica, kind: 'goodbye', reason: event.reason },
        retryAfterMs: event.retryAfterMs,
        ...token,
      };
  }
}

function objectsIn(content: Content): ObjectSeen[] {
  return [
    ...content.flags.map(({ key, version, flag, settings }) => ({
      ...{ id: `flag ${key}`, version },
      witness: flagWitness(flagContent(flag, settings)),
    })),
    ...content.segments.map(({ key, version, segment }) => ({
      ...{ id: `segment ${key}`, version },
      witness: segmentWitness(segment),
    })),
    ...content.releases.map(({ version, definition }) => ({
      ...{ id: `release ${definition.key}`, version },
      witness: releaseWitness(definition),
    })),
    ...content.decisions.map((outcome) => ({
      ...{ id: `decision ${outcome.flag}`, version: outcome.flagVersion },
      witness: decisionWitness(outcome),
    })),
  ];
}

function deletesIn(view: ViewSeen, content: Content): string[] {
  return [
    ...content.deletedFlags.map((key) => deletedId(view, 'flag', key)),
    ...content.deletedSegments.map((key) => deletedId(view, 'segment', key)),
    ...content.deletedReleases.map((key) => deletedId(view, 'release', key)),
  ];
}

function refused(error: unknown): Refused {
  if (error instanceof Refused) return error;
  if (!(error instanceof FlagError))
    return new Refused('INTERNAL', '', error instanceof Error ? (error.stack ?? '') : String(error));
  return new Refused(
    CODES[error.kind] ?? error.kind.toUpperCase(),
    error.details.reason ?? '',
    error.message,
  );
}

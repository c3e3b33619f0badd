import { snapshotSince } from '../../../src/app/environment-access.ts';
import { PastStates } from '../../../src/app/past-states.ts';
import type { Principal } from '../../../src/app/principal.ts';
import { watch } from '../../../src/app/watch.ts';
import type { WatchEvent } from '../../../src/app/watch-events.ts';
import type { WatchParts, WatchRequest } from '../../../src/app/watch-request.ts';
import { WatchSession } from '../../../src/app/watch-session.ts';
import { FlagError } from '../../../src/core/errors.ts';
import { Evaluation } from '../../../src/core/evaluation.ts';
import type { ChangeLog } from '../../../src/ports/change-log.ts';
import { reasonOf } from '../checks/check.ts';
import { Refused, type Service, type Told } from '../clients/service.ts';
import type { ViewSeen } from '../history/history.ts';
import { decisionWitness } from '../history/witness.ts';
import { planOf } from './plans.ts';
import { toldBy } from './sim-messages.ts';
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
  const ask = askerOf(alive, place.time);
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

/** Asks a replica, which may die over it, and waits for so long and no longer. */
function askerOf(alive: () => SimLife, time: VirtualTime) {
  return async <T>(call: (life: SimLife) => Promise<T>): Promise<T> => {
    const life = alive();
    const dead = life.killed.then(() => Promise.reject(new Refused('UNAVAILABLE', 'DEAD')));
    const late = time.sleep(PATIENCE_MS).then(() => Promise.reject(new Refused('DEADLINE_EXCEEDED', '')));
    for (const each of [dead, late]) each.catch(() => undefined);
    try {
      return await Promise.race([call(life), dead, late]);
    } catch (error) {
      throw refused(error);
    }
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

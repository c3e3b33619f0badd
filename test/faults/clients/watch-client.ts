import type { Random } from '../../attacks/random.ts';
import type { ViewSeen } from '../history/history.ts';
import type { Recorder } from '../history/recorder.ts';
import { type Pace, refusedBy, type Service, type Told } from './service.ts';

export interface WatchClientParts {
  readonly name: string;
  readonly environment: string;
  readonly view: ViewSeen;
  readonly recorder: Recorder;
  readonly random: Random;
  readonly pace: Pace;
  readonly services: readonly Service[];
  /** How long it may take over one message. */
  readonly slowMs: number;
  /** One in so many messages makes it leave, to come back elsewhere; 0 never. */
  readonly leavesOneIn: number;
}

/** A client that came back so often to a replica that is behind it gives its place up. */
const MOST_BEHIND = 3;

/**
 * Watches until the pace is over, as docs/api.md wants clients to: with its last token, on any replica, from one
 * interruption to the next.
 */
export async function runWatcher(parts: WatchClientParts): Promise<void> {
  const { name, environment, view, recorder, random, pace, services } = parts;
  const watcher = recorder.watcher(name, environment, view);
  let place: Place = { token: '', revision: undefined };
  let behind = 0;
  while (!pace.over.aborted) {
    const service = random.pick(services);
    const { replica } = service;
    watcher.told({ replica, kind: 'opened', ...(place.revision !== undefined && { from: place.revision }) });
    const leaving = new AbortController();
    const visit = { service, watcher, leaving, place };
    const { left, retryAfterMs, isBehind } = await stay(parts, visit);
    place = left;
    behind = isBehind ? behind + 1 : 0;
    if (behind >= MOST_BEHIND) place = { token: '', revision: undefined };
    await pace.sleep(retryAfterMs ?? random.whole(100));
  }
}

interface Place {
  readonly token: string;
  readonly revision: number | undefined;
}

interface Visit {
  readonly service: Service;
  readonly watcher: ReturnType<Recorder['watcher']>;
  readonly leaving: AbortController;
  readonly place: Place;
}

async function stay(parts: WatchClientParts, { service, watcher, leaving, place }: Visit) {
  const { view, random, pace, slowMs, leavesOneIn } = parts;
  const { replica } = service;
  let at = place;
  let retryAfterMs: number | undefined;
  let isBehind = false;
  const signal = AbortSignal.any([leaving.signal, pace.over]);
  try {
    for await (const told of service.watch(view, place.token, signal)) {
      watcher.told(told.message);
      at = moved(at, told);
      if (told.message.kind === 'goodbye') {
        retryAfterMs = told.retryAfterMs;
        isBehind = told.message.reason === 'behind';
      }
      if (slowMs > 0 && random.oneIn(4)) await pace.sleep(random.whole(slowMs));
      if (!pace.over.aborted && leavesOneIn > 0 && random.oneIn(leavesOneIn)) break;
    }
    watcher.told({ replica, kind: 'closed', code: '' });
  } catch (error) {
    watcher.told({ replica, kind: 'closed', code: refusedBy(error).code });
  } finally {
    leaving.abort();
  }
  return { left: at, retryAfterMs, isBehind };
}

/** A token belongs to the state that the client has when it gets it. */
function moved(at: Place, { message, token = at.token }: Told): Place {
  switch (message.kind) {
    case 'end':
    case 'bookmark':
      return { token, revision: message.revision };
    case 'delta':
      return { token, revision: message.to };
    case 'goodbye':
      return { ...at, token };
    default:
      return at;
  }
}

import { toEnvelope } from '../load/envelopes.ts';
import { H2Connection } from '../load/h2-connection.ts';
import { FAILED } from '../load/hpack.ts';
import { headersOf } from '../load/unary.ts';
import { PATHS, watchRequest } from '../service/requests.ts';
import { type Arrival, Arrivals } from './arrivals.ts';
import { MessageReader } from './message-reader.ts';
import { sharedMs } from './shared-clock.ts';
import { ToldReader } from './told.ts';
import { type Standing, WatchedState } from './watched-state.ts';

/** Watches of all definitions, spread over replicas. */
export interface FleetWatchOptions {
  readonly ports: readonly number[];
  readonly token: string;
  readonly streams: number;
}

/** Watches that are open. They reject with what went wrong with any of them. */
export interface FleetWatch extends Disposable {
  /** Resolves to when the last watcher of that replica was told of a revision. */
  last(replica: number, revision: number): Promise<number>;
  arrivals(): Arrival[];
  /** Every standing that a watcher has, once, and how many have it. */
  standings(): (Standing & { readonly watchers: number })[];
}

const STREAMS_PER_CONNECTION = 100;

/** Resolves when every watcher knows everything. */
export async function openFleetWatch({ ports, token, streams }: FleetWatchOptions): Promise<FleetWatch> {
  const counts = ports.map((_, at) => Math.floor((streams + at) / ports.length));
  const arrivals = new Arrivals(counts);
  const failed = Promise.withResolvers<never>();
  failed.promise.catch(() => undefined);
  const ready = Promise.withResolvers<void>();
  const states: WatchedState[] = [];
  const connections: H2Connection[] = [];
  let left = streams;
  const begun = () => {
    if (--left === 0) ready.resolve();
  };
  for (const [replica, port] of ports.entries()) {
    const told = new ToldReader();
    for (let open = counts[replica] ?? 0; open > 0; open -= STREAMS_PER_CONNECTION) {
      const own = Array.from({ length: Math.min(open, STREAMS_PER_CONNECTION) }, () => new WatchedState());
      const moved = (from: number, to: number) => arrivals.moved(replica, from, to, sharedMs());
      const parts = { port, token, states: own, told, begun, moved, fail: failed.reject };
      connections.push(await connect(parts));
      states.push(...own);
    }
  }
  await Promise.race([ready.promise, failed.promise]);
  return {
    last: (replica, revision) => Promise.race([arrivals.last(replica, revision), failed.promise]),
    arrivals: () => arrivals.all(),
    standings: () => distinct(states.map((state) => state.standing())),
    [Symbol.dispose]() {
      for (const connection of connections) connection.close();
    },
  };
}

interface ConnectionParts {
  readonly port: number;
  readonly token: string;
  /** One for each stream. */
  readonly states: readonly WatchedState[];
  /** For all connections to the replica. */
  readonly told: ToldReader;
  /** A watcher knows everything. */
  readonly begun: () => void;
  readonly moved: (from: number, to: number) => void;
  readonly fail: (error: unknown) => void;
}

async function connect({ port, token, states, told, begun, moved, fail }: ConnectionParts) {
  const readers = states.map(() => new MessageReader());
  const take = (state: WatchedState, message: Buffer) => {
    const before = state.revision;
    state.take(told.read(message));
    const after = state.revision;
    if (before === undefined && after !== undefined) begun();
    if (before !== undefined && after !== undefined && after > before) moved(before, after);
  };
  const headers = headersOf({ port, path: PATHS.watchFlags, token });
  const connection = await H2Connection.open(port, headers, {
    onData: (stream, bytes, start, end) => {
      const slot = (stream - 1) / 2;
      const state = states[slot];
      if (state !== undefined) readers[slot]?.read(bytes, start, end, (message) => take(state, message));
    },
    onHeaders: (_stream, means, isEnd) => {
      if (isEnd || (means & FAILED) !== 0) fail(new Error('a watch ended'));
    },
    onTurn: () => undefined,
    onFailure: fail,
  });
  const request = toEnvelope(Buffer.from(watchRequest(), 'base64'));
  for (const _ of states) connection.call(request, true);
  connection.flush();
  return connection;
}

function distinct(standings: readonly Standing[]): (Standing & { readonly watchers: number })[] {
  const counts = new Map<string, number>();
  for (const standing of standings) {
    const text = JSON.stringify(standing);
    counts.set(text, (counts.get(text) ?? 0) + 1);
  }
  return [...counts].map(([text, watchers]) => ({ ...(JSON.parse(text) as Standing), watchers }));
}

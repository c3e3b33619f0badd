import { fileURLToPath } from 'node:url';
import { startChild } from '../lib/child.ts';
import type { Arrival } from './arrivals.ts';
import type { FleetWatchOptions } from './fleet-watch.ts';
import type { WatchQuestion } from './watch-worker.ts';
import type { Standing } from './watched-state.ts';

const WORKER = fileURLToPath(new URL('watch-worker.ts', import.meta.url));

/** Watches of a fleet in a process of their own, open until disposed. */
export interface FleetWatchers extends AsyncDisposable {
  /** When the last watcher of that replica was told of a revision. */
  last(replica: number, revision: number): Promise<number>;
  arrivals(): Promise<readonly Arrival[]>;
  /** Every standing that a watcher has, once, and how many have it. */
  standings(): Promise<readonly (Standing & { readonly watchers: number })[]>;
}

/** Resolves when every watcher knows everything. */
export async function watchFleet(options: FleetWatchOptions): Promise<FleetWatchers> {
  const child = startChild(WORKER);
  const ask = <Answer>(question: WatchQuestion) => child.ask<Answer>(question);
  try {
    await ask({ kind: 'open', options });
  } catch (error) {
    await child[Symbol.asyncDispose]();
    throw error;
  }
  return {
    last: (replica, revision) => ask({ kind: 'last', replica, revision }),
    arrivals: () => ask({ kind: 'arrivals' }),
    standings: () => ask({ kind: 'standings' }),
    [Symbol.asyncDispose]: () => child[Symbol.asyncDispose](),
  };
}

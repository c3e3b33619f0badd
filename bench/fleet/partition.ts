import type { Acknowledged, Changes } from './changes.ts';
import type { Closure } from './gate.ts';
import { pace } from './pace.ts';
import type { Replica } from './replicas.ts';
import { sharedMs } from './shared-clock.ts';
import type { FleetWatchers } from './watchers.ts';

/** What became of a partition. */
export interface Healed {
  readonly how: Closure;
  /** From the end of the partition until the last watcher of that replica had what was written before it ended. */
  readonly lastMs: number;
  readonly writes: readonly Acknowledged[];
}

export interface PartitionParts {
  readonly replicas: readonly Replica[];
  readonly changes: Changes;
  readonly watchers: FleetWatchers;
  readonly writeEveryMs: number;
}

/** How many writes go on after the end. */
const WRITES_AFTER = 5;

/**
 * Parts one replica from both MongoDB and NATS while so many writes are made on the others, and some more after that.
 * Throws if its watchers were told of the last of them before.
 */
export async function partition(
  { replicas, changes, watchers, writeEveryMs }: PartitionParts,
  victim: number,
  how: Closure,
  writes: number,
): Promise<Healed> {
  const { mongo, nats } = replicas[victim] ?? {};
  const others = replicas.map((_, at) => at).filter((at) => at !== victim);
  const write = (index: number) => changes.write(others[index % others.length] ?? 0);
  for (const gate of [mongo, nats]) gate?.close(how);
  const made = await pace(writes, writeEveryMs, write);
  const head = made.at(-1)?.revision ?? 0;
  const healedAtMs = sharedMs();
  for (const gate of [mongo, nats]) gate?.open();
  const [lastAtMs, after] = await Promise.all([
    watchers.last(victim, head),
    pace(WRITES_AFTER, writeEveryMs, write),
  ]);
  if (lastAtMs < healedAtMs) throw new Error('a replica was told of a change through a partition');
  return { how, lastMs: lastAtMs - healedAtMs, writes: [...made, ...after] };
}

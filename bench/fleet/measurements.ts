import type { Arrival } from './arrivals.ts';
import type { Acknowledged, Changes, Halted } from './changes.ts';
import { pace } from './pace.ts';
import { type Healed, partition } from './partition.ts';
import type { Fleet } from './replicas.ts';
import type { FleetWatchers } from './watchers.ts';

/** How much is measured. */
export interface FleetPlan {
  readonly watchers: number;
  readonly writes: number;
  readonly writesWithoutNats: number;
  readonly partitions: number;
  readonly partitionMs: number;
  readonly halts: number;
  readonly haltsWithoutNats: number;
}

/** Everything that was done to the fleet, in that order. */
export interface FleetMeasurements {
  readonly withNats: readonly Acknowledged[];
  readonly halts: readonly Halted[];
  readonly healed: readonly Healed[];
  /** Until replicas can be expected to have noticed that NATS is away. */
  readonly losingNats: readonly Acknowledged[];
  readonly withoutNats: readonly Acknowledged[];
  readonly haltsWithoutNats: readonly Halted[];
}

const WRITE_EVERY_MS = 200;
const HALT_EVERY_MS = 250;
const HALT_WAIT_MS = 10_000;
/** A replica that writes looks at the log for that, so where others have to look by themselves the same one writes on. */
const WRITES_IN_A_ROW = 25;
/** The longest that replicas wait before they look at the log when NATS is there. */
const LOSING_MS = 2_000;

/** Ends without NATS. */
export async function measureFleet(
  { replicas }: Fleet,
  changes: Changes,
  watchers: FleetWatchers,
  plan: FleetPlan,
): Promise<FleetMeasurements> {
  const inTurn = (index: number) => index % replicas.length;
  const writes = (count: number, replicaOf: (index: number) => number) =>
    pace(count, WRITE_EVERY_MS, (index) => changes.write(replicaOf(index)));
  const inRows = (index: number) => inTurn(Math.floor(index / WRITES_IN_A_ROW));
  const halts = (count: number) =>
    pace(count, HALT_EVERY_MS, (index) => changes.halt(inTurn(index), HALT_WAIT_MS));
  const withNats = await writes(plan.writes, inTurn);
  const haltsWithNats = await halts(plan.halts);
  const healed: Healed[] = [];
  const parts = { replicas, changes, watchers, writeEveryMs: WRITE_EVERY_MS };
  const during = Math.ceil(plan.partitionMs / WRITE_EVERY_MS);
  for (let index = 0; index < plan.partitions; index++)
    healed.push(await partition(parts, inTurn(index), index % 2 === 0 ? 'cut' : 'silence', during));
  for (const { nats } of replicas) nats.close('cut');
  return {
    ...{ withNats, healed, halts: haltsWithNats },
    losingNats: await writes(LOSING_MS / WRITE_EVERY_MS, inRows),
    withoutNats: await writes(plan.writesWithoutNats, inRows),
    haltsWithoutNats: await halts(plan.haltsWithoutNats),
  };
}

/** How a write reached the watchers, in milliseconds after its acknowledgement. */
export interface Told {
  readonly firstMs: number;
  readonly lastMs: number;
}

/** Throws if a write did not reach every watcher. */
export function toldOf(
  writes: readonly Acknowledged[],
  arrivals: readonly Arrival[],
  watchers: number,
): Told[] {
  const byRevision = new Map(arrivals.map((arrival) => [arrival.revision, arrival]));
  return writes.map(({ revision, atMs }) => {
    const arrival = byRevision.get(revision);
    if (arrival?.watchers !== watchers)
      throw new Error(`${arrival?.watchers ?? 0} of ${watchers} watchers were told of revision ${revision}`);
    return { firstMs: arrival.firstMs - atMs, lastMs: arrival.lastMs - atMs };
  });
}

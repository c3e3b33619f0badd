import type { Arrival } from './arrivals.ts';
import type { Acknowledged, Halted } from './changes.ts';
import { type Distribution, distributionOf } from './distribution.ts';
import { type FleetMeasurements, toldOf } from './measurements.ts';

/** How some writes reached the watchers, in milliseconds after each was acknowledged. */
export interface Delay {
  /** From the call to the acknowledgement. Absent after a partition: then time counts from its end. */
  readonly answered?: Distribution;
  readonly first?: Distribution;
  readonly last: Distribution;
}

/** How some halts that waited for the fleet were answered. */
export interface HaltSummary {
  /** How many answers listed every replica as having it. */
  readonly complete: number;
  /** Milliseconds from the call to the answer. */
  readonly took: Distribution;
  /** Of which the service waited for the fleet. */
  readonly waited: Distribution;
}

export interface FleetSummary {
  readonly delays: {
    readonly withNats: Delay;
    readonly withoutNats: Delay;
    readonly losingNats: Delay;
    readonly healed: Delay;
    readonly healedCut: Delay;
    readonly healedSilence: Delay;
  };
  readonly halts: { readonly withNats: HaltSummary; readonly withoutNats: HaltSummary };
}

/** Throws if a write did not reach every watcher. */
export function summaryOf(
  measured: FleetMeasurements,
  arrivals: readonly Arrival[],
  watchers: number,
): FleetSummary {
  const delayOf = (writes: readonly Acknowledged[]): Delay => {
    const told = toldOf(writes, arrivals, watchers);
    return {
      answered: distributionOf(writes.map(({ tookMs }) => tookMs)),
      first: distributionOf(told.map(({ firstMs }) => firstMs)),
      last: distributionOf(told.map(({ lastMs }) => lastMs)),
    };
  };
  const { healed } = measured;
  // Only that they came: how soon they did depends on where in the partition they were made.
  for (const { writes } of healed) delayOf(writes);
  const after = (some: typeof healed): Delay => ({ last: distributionOf(some.map(({ lastMs }) => lastMs)) });
  return {
    delays: {
      withNats: delayOf(measured.withNats),
      withoutNats: delayOf(measured.withoutNats),
      losingNats: delayOf(measured.losingNats),
      healed: after(healed),
      healedCut: after(healed.filter(({ how }) => how === 'cut')),
      healedSilence: after(healed.filter(({ how }) => how === 'silence')),
    },
    halts: { withNats: haltsOf(measured.halts), withoutNats: haltsOf(measured.haltsWithoutNats) },
  };
}

function haltsOf(halts: readonly Halted[]): HaltSummary {
  return {
    complete: halts.filter(({ isComplete }) => isComplete).length,
    took: distributionOf(halts.map(({ tookMs }) => tookMs)),
    waited: distributionOf(halts.map(({ elapsedMs }) => elapsedMs)),
  };
}

import { setTimeout as delay } from 'node:timers/promises';
import type { RecordedBatch } from '../../ports/exposure-store.ts';
import { entryIn } from './exposure-cells.ts';
import { hourId, type PlacedHour } from './exposure-hours.ts';
import type { Roller } from './exposure-roll.ts';
import type { Tidier } from './exposure-tidy.ts';

export interface UpkeepOptions {
  /** So many parts, or so many rows in them, are put into their hour together. Default: 64, and 50,000. */
  readonly partsPerRoll: number;
  readonly rowsPerRoll: number;
  /** So many small rolls of an hour become one. Default: 16. */
  readonly rollsPerMerge: number;
}

/** Who stores faster than hours can be put together has to wait, for a while, once so many times as much lies there. */
const FAR_BEHIND = 4;
const LONGEST_WAIT_MS = 1_000;

/** Puts what this process stores into its hours, beside the storing. What it does not come to is done by others later. */
export interface Upkeep extends AsyncDisposable {
  /** A batch was stored. Resolves late if too much was. */
  noteStored(batch: RecordedBatch): Promise<void>;
}

interface Hour {
  readonly at: PlacedHour;
  parts: number;
  rows: number;
  rolls: number;
  running: Promise<void> | undefined;
}

export function openUpkeep(
  roller: Roller,
  tidier: Tidier,
  { partsPerRoll = 64, rowsPerRoll = 50_000, rollsPerMerge = 16 }: Partial<UpkeepOptions>,
): Upkeep {
  const hours = new Map<string, Hour>();
  const running = new Set<Promise<void>>();
  let isOpen = true;

  async function putTogether(hour: Hour): Promise<void> {
    hour.parts = 0;
    hour.rows = 0;
    await roller.roll(hour.at);
    hour.rolls += 1;
    if (hour.rolls < rollsPerMerge) return;
    hour.rolls = 0;
    await tidier.tidy(hour.at, rollsPerMerge);
  }

  function start(hour: Hour): void {
    if (hour.running !== undefined || !isOpen) return;
    // What fails is done by whoever comes next: the parts are there, and count.
    const work = putTogether(hour)
      .catch(() => undefined)
      .then(() => {
        hour.running = undefined;
        running.delete(work);
      });
    hour.running = work;
    running.add(work);
  }

  /** An hour that is over is left behind. */
  function leaveOlder({ place, hour }: PlacedHour): void {
    for (const [id, other] of hours) {
      const { place: of, hour: at } = other.at;
      if (of.project !== place.project || of.environment !== place.environment || at >= hour) continue;
      if (other.parts > 0) start(other);
      hours.delete(id);
    }
  }

  return {
    async noteStored({ place, hour, evaluations, events }) {
      const at = { place, hour };
      const own = entryIn(hours, hourId(at), () => {
        leaveOlder(at);
        return { at, parts: 0, rows: 0, rolls: 0, running: undefined };
      });
      own.parts += 1;
      own.rows += evaluations.length + events.length;
      const isFull = (times: number) => own.parts >= times * partsPerRoll || own.rows >= times * rowsPerRoll;
      if (isFull(1)) start(own);
      if (isFull(FAR_BEHIND))
        await Promise.race([own.running, delay(LONGEST_WAIT_MS, undefined, { ref: false })]);
    },
    async [Symbol.asyncDispose]() {
      isOpen = false;
      await Promise.all(running);
    },
  };
}

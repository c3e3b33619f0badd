import { FlagError } from '../../core/errors.ts';
import type { Parcel } from '../../ports/exposure-queue.ts';
import type { Row } from './columns.ts';
import { type ParcelTables, parcelTables, sizeOf } from './exposure-parcels.ts';
import { GroupedWrites } from './grouped-writes.ts';
import type { Database } from './open-database.ts';

/** What changes the queue's tables. */
export interface ParcelWrites extends AsyncDisposable {
  publish(parcel: Parcel): Promise<void>;
  /** Up to `limit` that are due, hidden for so long. */
  take(limit: number, leaseMs: number): Promise<readonly Row[]>;
  settle(number: number, refused: boolean): Promise<void>;
  postpone(number: number, attempt: number, delayMs: number): Promise<void>;
}

const TIDY_MS = 1_000;

/**
 * In this thread, which waits for the disk. `now` is epoch milliseconds; it is asked when a write has its turn, for
 * whoever is earlier must not seem later. Closes the database in the end.
 */
export function parcelWrites(database: Database, maxBytes: number, now: () => number): ParcelWrites {
  const tables = parcelTables(database);
  const writes = new GroupedWrites(database);
  const tidy = tidyNowAndThen(tables);
  // The tables have whole milliseconds only.
  const wholeNow = () => Math.floor(now());
  const add = (parcel: Parcel, at: number) => {
    tidy(at);
    if (tables.has(parcel.id, at)) return;
    if (tables.totals().bytes + sizeOf(parcel) > maxBytes) throw full();
    tables.add(parcel, at);
  };
  const take = (limit: number, leaseMs: number, at: number) => tables.take(limit, at, at + leaseMs);
  return {
    publish: (parcel) => writes.write(() => add(parcel, wholeNow())),
    take: (limit, leaseMs) => writes.write(() => take(limit, leaseMs, wholeNow())),
    settle: async (number, refused) => {
      await writes.write(() => tables.settle(number, refused));
    },
    postpone: (number, attempt, delayMs) =>
      writes.write(() => {
        const at = wholeNow();
        tables.postpone(number, attempt, at, at + Math.ceil(delayMs));
      }),
    async [Symbol.asyncDispose]() {
      await writes[Symbol.asyncDispose]();
      database[Symbol.dispose]();
    },
  };
}

function tidyNowAndThen(tables: ParcelTables): (now: number) => void {
  let tidiedAt = Number.NEGATIVE_INFINITY;
  return (now) => {
    const at = performance.now();
    if (at - tidiedAt < TIDY_MS) return;
    tidiedAt = at;
    tables.tidy(now);
  };
}

function full(): FlagError {
  return new FlagError('exhausted', 'the queue has no room', { reason: 'QUEUE_FULL' });
}

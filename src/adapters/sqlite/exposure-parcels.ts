import type { Parcel } from '../../ports/exposure-queue.ts';
import { DEDUPE_MS } from '../../ports/parcel-check.ts';
import { numberOf, type Row } from './columns.ts';
import type { Database, Schema } from './open-database.ts';

/** SQL, oldest first: see `Schema`. Ids that were dealt with are kept for as long as they might come again. */
const PARCEL_MIGRATIONS: readonly string[] = [
  `CREATE TABLE parcels (
    number INTEGER PRIMARY KEY AUTOINCREMENT,
    id TEXT NOT NULL UNIQUE,
    published_at INTEGER NOT NULL,
    due INTEGER NOT NULL,
    touched_at INTEGER NOT NULL,
    attempts INTEGER NOT NULL,
    bytes BLOB NOT NULL
  ) STRICT;
  CREATE INDEX parcels_by_due ON parcels (due);
  CREATE INDEX parcels_by_touch ON parcels (touched_at);
  CREATE TABLE settled (id TEXT NOT NULL PRIMARY KEY, published_at INTEGER NOT NULL) STRICT;
  CREATE INDEX settled_by_time ON settled (published_at);
  CREATE TABLE totals (waiting INTEGER NOT NULL, bytes INTEGER NOT NULL, refused INTEGER NOT NULL) STRICT;
  INSERT INTO totals VALUES (0, 0, 0);`,
];

/** The queue's file. What was published survives a loss of power. */
export const EXPOSURE_QUEUE_SCHEMA: Schema = {
  file: 'exposures-queue.db',
  synchronous: 'FULL',
  migrations: PARCEL_MIGRATIONS,
};

/** What can be done to the tables, each within a transaction of the caller's, at an instant in epoch milliseconds. */
export interface ParcelTables {
  has(id: string, now: number): boolean;
  add(parcel: Parcel, now: number): void;
  /** Whether `take` would find anything. */
  isDue(now: number): boolean;
  /** Up to `limit`, hidden until `due`. */
  take(limit: number, now: number, due: number): readonly Row[];
  /** Forgets a parcel, but not its id. False if somebody did so before. */
  settle(number: number, refused: boolean): boolean;
  /** Changes when it is due, unless somebody else has taken it since. */
  postpone(number: number, attempt: number, now: number, due: number): void;
  totals(): { readonly waiting: number; readonly bytes: number };
  /** Forgets some of the ids that need not be known any more. */
  tidy(now: number): void;
}

/** What a parcel takes up besides its bytes, about. */
const OVERHEAD_BYTES = 200;
const TIDY_ROWS = 1_000;

export function sizeOf({ bytes }: Parcel): number {
  return bytes.length + OVERHEAD_BYTES;
}

export function parcelTables(database: Database): ParcelTables {
  const prepare = (sql: string) => database.prepare(sql);
  const selectWaiting = prepare('SELECT 1 FROM parcels WHERE id = ?');
  const selectSettled = prepare('SELECT 1 FROM settled WHERE id = ? AND published_at > ?');
  const insert = prepare(
    'INSERT INTO parcels (id, published_at, due, touched_at, attempts, bytes) VALUES (?, ?, ?, ?, 0, ?)',
  );
  const count = prepare('UPDATE totals SET waiting = waiting + ?, bytes = bytes + ?, refused = refused + ?');
  const selectDue = prepare(
    'SELECT EXISTS (SELECT 1 FROM parcels WHERE due <= ?) OR EXISTS (SELECT 1 FROM parcels WHERE touched_at > ?) AS due',
  );
  const reclaim = prepare('UPDATE parcels SET due = ?, touched_at = ? WHERE touched_at > ?');
  const take = prepare(
    `UPDATE parcels SET due = ?, touched_at = ?, attempts = attempts + 1
    WHERE number IN (SELECT number FROM parcels WHERE due <= ? ORDER BY due, number LIMIT ?)
    RETURNING number, id, published_at, attempts, bytes`,
  );
  const remove = prepare(
    'DELETE FROM parcels WHERE number = ? RETURNING id, published_at, LENGTH(bytes) AS size',
  );
  const remember = prepare('INSERT OR REPLACE INTO settled VALUES (?, ?)');
  const postpone = prepare('UPDATE parcels SET due = ?, touched_at = ? WHERE number = ? AND attempts = ?');
  const selectTotals = prepare('SELECT waiting, bytes FROM totals');
  const forget = prepare(
    'DELETE FROM settled WHERE rowid IN (SELECT rowid FROM settled WHERE published_at <= ? LIMIT ?)',
  );

  return {
    has: (id, now) =>
      selectWaiting.get(id) !== undefined || selectSettled.get(id, now - DEDUPE_MS) !== undefined,
    add(parcel, now) {
      insert.run(parcel.id, now, now, now, parcel.bytes);
      count.run(1, sizeOf(parcel), 0);
    },
    isDue: (now) => numberOf(selectDue.get(now, now) ?? {}, 'due') === 1,
    take(limit, now, due) {
      // The clock was set back: what was taken by the other time is due now, or it would be hidden for as long.
      reclaim.run(now, now, now);
      return take.all(due, now, now, limit);
    },
    settle(number, refused) {
      const row = remove.get(number);
      if (row === undefined) return false;
      remember.run(row.id ?? '', row.published_at ?? 0);
      count.run(-1, -numberOf(row, 'size') - OVERHEAD_BYTES, refused ? 1 : 0);
      return true;
    },
    postpone: (number, attempt, now, due) => void postpone.run(due, now, number, attempt),
    totals() {
      const row = selectTotals.get() ?? {};
      return { waiting: numberOf(row, 'waiting'), bytes: numberOf(row, 'bytes') };
    },
    tidy: (now) => void forget.run(now - DEDUPE_MS, TIDY_ROWS),
  };
}

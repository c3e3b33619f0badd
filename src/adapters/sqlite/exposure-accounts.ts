import { HOUR_MS } from '../../ports/batch-check.ts';
import type { DeclaredLoss, RecordedBatch } from '../../ports/exposure-store.ts';
import { numberOf, textOf } from './columns.ts';
import type { Database } from './open-database.ts';

/** What is written down of each process. */
export interface ExposureAccounts {
  /** Of the batch that is stored under this name; undefined if there is none. */
  digest(batch: RecordedBatch): string | undefined;
  /** Notes a batch that is not known, what it declares included, and returns a number that no batch ever had. */
  add(batch: RecordedBatch): number;
  /** Notes that a process ended. */
  end(process: string, accepted: number, at: number): void;
}

export function exposureAccounts(database: Database): ExposureAccounts {
  const selectDigest = database.prepare(
    'SELECT digest FROM batches WHERE process = (SELECT id FROM processes WHERE process = ?) AND sequence = ?',
  );
  const upsertProcess = database.prepare(
    `INSERT INTO processes (process, accepted, stored, highest, first_at, last_at, ended)
     VALUES (?, ?, ?, ?, ?, ?, ?) ON CONFLICT DO UPDATE SET
       accepted = MAX(accepted, excluded.accepted),
       stored = stored + excluded.stored,
       highest = MAX(highest, excluded.highest),
       first_at = MIN(first_at, excluded.first_at),
       last_at = MAX(last_at, excluded.last_at),
       ended = MAX(ended, excluded.ended)
     RETURNING id`,
  );
  const insertBatch = database.prepare(
    'INSERT INTO batches (process, sequence, digest, units) VALUES (?, ?, ?, ?) RETURNING id',
  );
  const lose = database.prepare(
    'INSERT INTO losses VALUES (?, ?, ?) ON CONFLICT DO UPDATE SET units = units + excluded.units',
  );
  const declare = database.prepare(
    'INSERT INTO declared_losses VALUES (?, ?, ?, ?) ON CONFLICT DO UPDATE SET units = MAX(units, excluded.units)',
  );
  const noteStored = rangesOf(database);

  return {
    digest({ process, sequence }) {
      const row = selectDigest.get(process, sequence);
      return row && textOf(row, 'digest');
    },
    add(batch) {
      const { process, sequence, digest, units, acceptedSoFar, losses } = batch;
      const [firstAt, lastAt] = timesOf(batch);
      const declared = losses.flatMap((loss) => loss.sequence ?? []);
      const highest = Math.max(sequence, ...declared);
      const row = upsertProcess.get(process, acceptedSoFar, units, highest, firstAt, lastAt, 0) ?? {};
      const id = numberOf(row, 'id');
      noteStored(id, sequence);
      for (const { reason, sequence: of, units: lost } of addedUp(losses))
        if (of === undefined) lose.run(id, reason, lost);
        else declare.run(id, of, reason, lost);
      return numberOf(insertBatch.get(id, sequence, digest, units) ?? {}, 'id');
    },
    end(process, accepted, at) {
      upsertProcess.get(process, accepted, 0, 0, at, at, 1);
    },
  };
}

/** Sequences that are stored, kept as ranges: most processes have one. */
function rangesOf(database: Database): (process: number, sequence: number) => void {
  const before = database.prepare(
    'SELECT first, last FROM stored_ranges WHERE process = ? AND first < ? ORDER BY first DESC LIMIT 1',
  );
  const after = database.prepare('SELECT last FROM stored_ranges WHERE process = ? AND first = ?');
  const remove = database.prepare('DELETE FROM stored_ranges WHERE process = ? AND first = ?');
  const put = database.prepare(
    'INSERT INTO stored_ranges VALUES (?, ?, ?) ON CONFLICT DO UPDATE SET last = excluded.last',
  );
  return (process, sequence) => {
    const lower = before.get(process, sequence);
    const upper = after.get(process, sequence + 1);
    const isNext = lower !== undefined && numberOf(lower, 'last') === sequence - 1;
    if (upper !== undefined) remove.run(process, sequence + 1);
    put.run(
      process,
      isNext ? numberOf(lower, 'first') : sequence,
      upper === undefined ? sequence : numberOf(upper, 'last'),
    );
  };
}

/** In one batch, what is declared of a sequence for a reason is the sum of all that says so. */
function addedUp(losses: readonly DeclaredLoss[]): Iterable<DeclaredLoss> {
  const sums = new Map<string, DeclaredLoss>();
  for (const loss of losses) {
    const key = `${loss.reason} ${loss.sequence}`;
    sums.set(key, { ...loss, units: loss.units + (sums.get(key)?.units ?? 0) });
  }
  return sums.values();
}

function timesOf({ hour, evaluations, events }: RecordedBatch): readonly [number, number] {
  if (evaluations.length + events.length === 0) return [hour * HOUR_MS, hour * HOUR_MS];
  let first = Number.POSITIVE_INFINITY;
  let last = Number.NEGATIVE_INFINITY;
  for (const { time } of [...evaluations, ...events]) {
    first = Math.min(first, time);
    last = Math.max(last, time);
  }
  return [first, last];
}

import { readBatchId } from '../../ports/batch-check.ts';
import type { DeadLetter, LetterLabel } from '../../ports/exposure-store.ts';
import { bytesOf, numberOf, optionalNumberOf, type Row, textOf } from './columns.ts';
import type { Database } from './open-database.ts';

export interface ExposureLetters {
  bury(letter: DeadLetter): void;
  list(limit: number, after?: string): readonly DeadLetter[];
  labels(limit: number, after?: string): readonly LetterLabel[];
  exhume(id: string, at?: number): boolean;
}

export function exposureLetters(database: Database): ExposureLetters {
  const insert = database.prepare(
    `INSERT INTO letters VALUES (?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT DO UPDATE
     SET error = excluded.error, at = excluded.at, attempts = excluded.attempts, units = excluded.units
     WHERE excluded.at > at`,
  );
  const select = database.prepare(
    'SELECT id, bytes, error, at, attempts, units FROM letters WHERE id > ? ORDER BY id LIMIT ?',
  );
  // Of something as long as this SQLite reads no more than how long it is.
  const selectLabels = database.prepare(
    'SELECT id, length(bytes) AS size, error, at, attempts, units FROM letters WHERE id > ? ORDER BY id LIMIT ?',
  );
  const remove = database.prepare('DELETE FROM letters WHERE id = ?1 AND at = COALESCE(?2, at)');
  return {
    bury({ id, bytes, error, at, attempts, units }) {
      const { process = null, sequence = null } = readBatchId(id) ?? {};
      insert.run(id, process, sequence, bytes, error, at, attempts, units ?? null);
    },
    list: (limit, after = '') =>
      select.all(after, limit).map((row) => ({ ...labelOf(row), bytes: bytesOf(row, 'bytes') })),
    labels: (limit, after = '') =>
      selectLabels.all(after, limit).map((row) => ({ ...labelOf(row), size: numberOf(row, 'size') })),
    exhume: (id, at) => remove.run(id, at ?? null).changes > 0,
  };
}

function labelOf(row: Row): Omit<DeadLetter, 'bytes'> {
  const units = optionalNumberOf(row, 'units');
  return {
    id: textOf(row, 'id'),
    error: textOf(row, 'error'),
    at: numberOf(row, 'at'),
    attempts: numberOf(row, 'attempts'),
    ...(units !== undefined && { units }),
  };
}

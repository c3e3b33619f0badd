import { hash } from 'node:crypto';
import { earliestIn, withoutErased } from '../../ports/erased-subjects.ts';
import type { RecordedBatch, RecordedPlace } from '../../ports/exposure-store.ts';
import { numberOf, textOf } from './columns.ts';
import type { Database } from './open-database.ts';

/** Who was erased, and when: by hashes, in the transaction that is open. */
export interface ExposureErasures {
  note(place: RecordedPlace, subject: string, at: number): void;
  /** What is left of a batch to be stored. */
  without(batch: RecordedBatch): RecordedBatch;
}

export function exposureErasures(database: Database): ExposureErasures {
  const put = database.prepare(
    'INSERT INTO erasures VALUES (?, ?) ON CONFLICT DO UPDATE SET at = MAX(at, excluded.at)',
  );
  const since = database.prepare('SELECT subject, at FROM erasures WHERE at >= ?');
  return {
    note: (place, subject, at) => void put.run(hashOf(place, subject), at),
    without(batch) {
      const rows = since.all(earliestIn(batch));
      if (rows.length === 0) return batch;
      const erased = new Map(rows.map((row) => [textOf(row, 'subject'), numberOf(row, 'at')]));
      return withoutErased(batch, (subject) => erased.get(hashOf(batch.place, subject)));
    },
  };
}

function hashOf({ project, environment }: RecordedPlace, subject: string): string {
  return hash('sha256', JSON.stringify([project, environment, subject]), 'base64url');
}

import { FlagError } from '../../core/errors.ts';
import { checkBatch } from '../../ports/batch-check.ts';
import type { RecordedBatch, Stored } from '../../ports/exposure-store.ts';
import { exposureAccounts } from './exposure-accounts.ts';
import { exposureErasures } from './exposure-erasures.ts';
import { exposureNames } from './exposure-names.ts';
import { exposureRows } from './exposure-rows.ts';
import { exposureSums } from './exposure-sums.ts';
import type { Database } from './open-database.ts';
import { isRefusal } from './sqlite-errors.ts';

/** Rows are numbered through within a batch. */
const MOST_ROWS = 2 ** 16;

/** Stores a batch as part of the transaction that is open; undoes only itself if it throws. */
export function batchStoring(database: Database): (batch: RecordedBatch) => Stored {
  const names = exposureNames(database);
  const accounts = exposureAccounts(database);
  const rows = exposureRows(database, names);
  const sums = exposureSums(database);
  const erasures = exposureErasures(database);

  function storeNow(batch: RecordedBatch): Stored {
    const known = accounts.digest(batch);
    if (known !== undefined) return known === batch.digest ? 'already' : 'conflict';
    const firstId = accounts.add(batch) * MOST_ROWS;
    names.begin();
    sums.add(rows.add(erasures.without(batch), firstId));
    names.end();
    return 'stored';
  }

  return (batch) => {
    checkBatch(batch);
    if (Math.max(batch.evaluations.length, batch.events.length) >= MOST_ROWS) throw unstorable();
    database.execute('SAVEPOINT batch');
    try {
      const stored = storeNow(batch);
      database.execute('RELEASE batch');
      return stored;
    } catch (error) {
      names.forget();
      database.execute('ROLLBACK TO batch; RELEASE batch');
      throw isRefusal(error) ? unstorable(error) : error;
    }
  };
}

function unstorable(cause?: unknown): FlagError {
  return new FlagError('invalid', 'the batch cannot be stored', { reason: 'BATCH', cause });
}

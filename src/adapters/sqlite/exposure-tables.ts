import { hash } from 'node:crypto';
import { setTimeout as delay } from 'node:timers/promises';
import { inflateRawSync } from 'node:zlib';
import { FlagError } from '../../core/errors.ts';
import type { ExposureStore } from '../../ports/exposure-store.ts';
import { readBatch } from '../../ports/read-batch.ts';
import { exposureAccounts } from './exposure-accounts.ts';
import { batchStoring } from './exposure-batches.ts';
import { subjectErasing } from './exposure-erasing.ts';
import { expireExposures } from './exposure-expiry.ts';
import { ledgerReading } from './exposure-ledger.ts';
import { exposureLetters } from './exposure-letters.ts';
import { outcomeReading } from './exposure-outcomes.ts';
import { exposureReaders } from './exposure-readers.ts';
import { EXPOSURE_STORE_SCHEMA } from './exposure-schema.ts';
import { GroupedWrites } from './grouped-writes.ts';
import { type Database, type OpenOptions, openDatabase } from './open-database.ts';

/** What is written before it is carried over into the file, in pages of 4 KiB. */
const CHECKPOINT_PAGES = 8_000;
const CACHE_KIB = 16_000;
const EMPTYING_ATTEMPTS = 100;
const EMPTYING_PAUSE_MS = 50;

/**
 * The store itself, on the event loop of whoever opens it: a large batch or a long question stops it for as long as it
 * takes. `openSqliteExposureStore` is for everybody who has something else to do.
 */
export async function openExposureTables(directory: string, options?: OpenOptions): Promise<ExposureStore> {
  const database = await openDatabase(directory, EXPOSURE_STORE_SCHEMA, options);
  // Names of people must be gone for good once they are removed, from pages that nobody uses too.
  database.execute('PRAGMA secure_delete = ON');
  database.execute(`PRAGMA wal_autocheckpoint = ${CHECKPOINT_PAGES}; PRAGMA cache_size = -${CACHE_KIB}`);
  const writes = new GroupedWrites(database);
  const storeNow = batchStoring(database);
  const accounts = exposureAccounts(database);
  const letters = exposureLetters(database);
  const ledger = ledgerReading(database);
  const readers = exposureReaders(database);
  const outcomes = outcomeReading(database);
  const eraseAll = subjectErasing(database, writes);
  const inflate = (packed: Uint8Array, maxOutputLength: number) =>
    inflateRawSync(packed, { maxOutputLength });
  const read = <T>(work: () => T) => database.read(() => atOneMoment(database, work));

  return {
    store: (batch) => writes.write(() => storeNow(batch)),
    async storeBytes(id, bytes) {
      const batch = { ...readBatch(bytes, id, inflate), digest: hash('sha256', bytes) };
      return { stored: await writes.write(() => storeNow(batch)), units: batch.units };
    },
    bury: (letter) => writes.write(() => letters.bury(letter)),
    exhume: (id, at) => writes.write(() => letters.exhume(id, at)),
    close: (process, accepted, at) => writes.write(() => accounts.end(process, accepted, at)),
    async erase(place, subject, at) {
      const erased = await eraseAll(place, subject, at);
      await emptyWal(database);
      return erased;
    },
    expire: (retention) => expireExposures(database, retention),
    deadLetters: (limit, after) => read(() => letters.list(limit, after)),
    letterLabels: (limit, after) => read(() => letters.labels(limit, after)),
    ledger: (limit) => read(() => ledger(limit)),
    series: (place, query) => read(() => readers.series(place, query)),
    activity: (place, period) => read(() => readers.activity(place, period)),
    outcomes: (place, query) => read(() => outcomes(place, query)),
    contexts: (place, query) => read(() => readers.contexts(place, query)),
    lastVariations: (place, flag, subjects) => read(() => readers.lastVariations(place, flag, subjects)),
    rows: (place, query) => read(() => readers.rows(place, query)),
    async [Symbol.asyncDispose]() {
      await writes[Symbol.asyncDispose]();
      database[Symbol.dispose]();
    },
  };
}

/** Pages as they were before are gone only then. Rejects with `unavailable` if somebody reads them all the time. */
async function emptyWal(database: Database): Promise<void> {
  const checkpoint = database.prepare('PRAGMA wal_checkpoint(TRUNCATE)');
  for (let attempt = 0; attempt < EMPTYING_ATTEMPTS; attempt++) {
    const row = await database.read(() => checkpoint.get());
    if (row?.busy === 0) return;
    await delay(EMPTYING_PAUSE_MS);
  }
  throw new FlagError('unavailable', 'the store is busy: it is erased, but not from its journal', {
    reason: 'STORE_BUSY',
  });
}

function atOneMoment<T>(database: Database, work: () => T): T {
  database.execute('BEGIN');
  try {
    return work();
  } finally {
    database.execute('COMMIT');
  }
}

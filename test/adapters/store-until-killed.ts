import { writeSync } from 'node:fs';
import { createMongoExposureStore } from '../../src/adapters/mongo/exposure-store.ts';
import { openMongo } from '../../src/adapters/mongo/open-mongo.ts';
import { manyBatch } from './exposure-batches.ts';

/**
 * A process that stores batches as fast as it can, puts them together and in order, and prints the sequence of each that
 * is stored. Arguments: the URI and the name of a database, and the first sequence.
 */
const [uri, database, first] = process.argv.slice(2);
if (uri === undefined || database === undefined) throw new Error('needs a URI and a database');

const mongo = openMongo({ uri, database });
const store = createMongoExposureStore(mongo, { partsPerRoll: 3, rollsPerMerge: 2 });

async function storeFrom(start: number): Promise<void> {
  for (let sequence = start; ; sequence += 2) {
    const result = await store.store(manyBatch(sequence));
    if (result === 'conflict') throw new Error('there is another batch of this name');
    writeSync(1, `${sequence}\n`);
    if (sequence % 9 === 0) await store.expire({ rowsBefore: 0, minutesBefore: 0, rollupsBefore: 0 });
  }
}

const start = Number(first);
await Promise.all([storeFrom(start), storeFrom(start + 1)]);

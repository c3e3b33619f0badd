import { writeSync } from 'node:fs';
import { openSqliteExposureStore } from '../../src/adapters/sqlite/exposure-store.ts';
import { batch, evaluation, START } from '../contract/exposure-samples.ts';

/**
 * A process that stores one batch after the other as fast as it can, several at once and every one twice, from the given
 * sequence on, and prints the sequences that were acknowledged. Arguments: the data directory and the first sequence.
 */
const [directory, first] = process.argv.slice(2);
if (directory === undefined || first === undefined) throw new Error('needs a directory and a sequence');

export const BATCH_SIZE = 40;
const AT_ONCE = 3;

const store = await openSqliteExposureStore(directory);
for (let next = Number(first); ; next += AT_ONCE) {
  const sequences = Array.from({ length: AT_ONCE }, (_, index) => next + index);
  const storing = [...sequences, ...sequences].map(async (sequence) => {
    const evaluations = Array.from({ length: BATCH_SIZE }, (_, index) =>
      evaluation({ subject: `subject-${(sequence * index) % 50}`, time: START + index * 1_000 }),
    );
    await store.store(batch({ sequence, evaluations, acceptedSoFar: sequence * BATCH_SIZE }));
    writeSync(1, `${sequence}\n`);
  });
  await Promise.all(storing);
}

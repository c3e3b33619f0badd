import { workerData } from 'node:worker_threads';
import { openExposureTables } from '../../src/adapters/sqlite/exposure-tables.ts';
import { answerQuestions } from '../../src/adapters/sqlite/thread-messages.ts';
import type { ExposureStore } from '../../src/ports/exposure-store.ts';

/** The thread of a real store, which batches with certain words in them kill, or stop for ever. */
answerQuestions(async () => {
  const tables = await openExposureTables(workerData.directory);
  const storeBytes: ExposureStore['storeBytes'] = async (id, bytes) => {
    const text = Buffer.from(bytes).toString();
    if (text.includes('killing')) process.exit(9);
    while (text.includes('hanging'));
    const { storeBytes: store } = tables;
    if (store === undefined) throw new Error('it reads batches where it stores them');
    return await store(id, bytes);
  };
  return { ...tables, storeBytes };
});

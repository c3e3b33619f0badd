import { declareExposureQueueContract } from './exposure-queue.ts';
import { createSqliteQueueStore } from './exposure-queue-stores.ts';

declareExposureQueueContract('the SQLite exposure queue', () => createSqliteQueueStore());
declareExposureQueueContract('the SQLite exposure queue with a thread for the disk', () =>
  createSqliteQueueStore(true),
);

import { systemClock } from '../../src/adapters/in-process/system-clock.ts';
import { openSqliteExposureQueue } from '../../src/adapters/sqlite/exposure-queue.ts';
import type { QueueStore } from './exposure-queue.ts';
import { temporaryDirectory } from './sqlite-stores.ts';

/** A queue in a SQLite file of its own. Nothing of it is in memory: that it crashes is that it is opened anew. */
export async function createSqliteQueueStore(): Promise<QueueStore> {
  const directory = await temporaryDirectory();
  const [leaseMs, roomBytes] = [500, 4 << 20];
  return {
    leaseMs,
    roomBytes,
    open: () => openSqliteExposureQueue(directory.path, { clock: systemClock, maxBytes: roomBytes, leaseMs }),
    crash: async () => undefined,
    [Symbol.asyncDispose]: () => directory[Symbol.asyncDispose](),
  };
}

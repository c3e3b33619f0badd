import { randomUUID } from 'node:crypto';
import { vi } from 'vitest';
import { systemClock } from '../../src/adapters/in-process/system-clock.ts';
import { createNatsExposureQueue } from '../../src/adapters/nats/exposure-queue.ts';
import { openNats } from '../../src/adapters/nats/open-nats.ts';
import { messageKeyOf } from '../../src/adapters/nats/sealed-message.ts';
import { openSqliteExposureQueue } from '../../src/adapters/sqlite/exposure-queue.ts';
import type { ExposureQueue } from '../../src/ports/exposure-queue.ts';
import { type NatsProcess, natsProcess } from '../support/nats-server.ts';
import type { QueueStore } from './exposure-queue.ts';
import { temporaryDirectory } from './sqlite-stores.ts';

/** For whom a minute is too long to wait. */
const LIMITS = { leaseMs: 500, roomBytes: 4 << 20 };

/** A queue in a SQLite file of its own. Nothing of it is in memory: that it crashes is that it is opened anew. */
export async function createSqliteQueueStore(inThread = false): Promise<QueueStore> {
  const directory = await temporaryDirectory();
  const { roomBytes } = LIMITS;
  // A thread has to begin before it can answer, which takes its time on a machine that is busy.
  const leaseMs = inThread ? 4 * LIMITS.leaseMs : LIMITS.leaseMs;
  return {
    leaseMs,
    roomBytes,
    open: () =>
      openSqliteExposureQueue(directory.path, {
        ...{ clock: systemClock, maxBytes: roomBytes, leaseMs, inThread },
      }),
    crash: async () => undefined,
    [Symbol.asyncDispose]: () => directory[Symbol.asyncDispose](),
  };
}

/** A NATS server with JetStream, of its own: it is killed and comes back with what it has on its disk. */
export async function startJetStream(program: string): Promise<NatsProcess> {
  const directory = await temporaryDirectory();
  const nats = await natsProcess(program, '-js', '-sd', directory.path);
  await nats.start();
  return {
    ...nats,
    async [Symbol.asyncDispose]() {
      await nats[Symbol.asyncDispose]();
      await directory[Symbol.asyncDispose]();
    },
  };
}

/** What is needed to open queues of one fleet on a server. */
export function natsQueues(url: string, report: (problem: string) => void = () => undefined) {
  const prefix = `test-${randomUUID()}`;
  const shared = { clock: systemClock, report };
  return async (): Promise<ExposureQueue> => {
    const link = openNats({ ...shared, servers: [url], name: 'test' });
    const key = messageKeyOf('a secret of the fleet');
    const queue = createNatsExposureQueue({
      ...{ ...shared, link, prefix, key, maxBytes: LIMITS.roomBytes, leaseMs: LIMITS.leaseMs },
    });
    await vi.waitUntil(() => queue.connected(), 10_000);
    const dispose = queue[Symbol.asyncDispose].bind(queue);
    queue[Symbol.asyncDispose] = async () => {
      await dispose();
      await link[Symbol.asyncDispose]();
    };
    return queue;
  };
}

/** A queue on a NATS server of its own. */
export async function createNatsQueueStore(program: string): Promise<QueueStore> {
  const nats = await startJetStream(program);
  return {
    ...LIMITS,
    open: natsQueues(nats.url),
    async crash() {
      await nats.kill();
      await nats.start();
    },
    [Symbol.asyncDispose]: () => nats[Symbol.asyncDispose](),
  };
}

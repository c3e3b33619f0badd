import { randomUUID } from 'node:crypto';
import { createInProcessFleet } from '../../src/adapters/in-process/in-process-fleet.ts';
import { systemClock } from '../../src/adapters/in-process/system-clock.ts';
import { createMongoRegistry } from '../../src/adapters/mongo/mongo-fleet.ts';
import { openMongo } from '../../src/adapters/mongo/open-mongo.ts';
import { createNatsRegistry } from '../../src/adapters/nats/nats-fleet.ts';
import { openNats } from '../../src/adapters/nats/open-nats.ts';
import { messageKeyOf } from '../../src/adapters/nats/sealed-message.ts';
import type { Clock } from '../../src/ports/clock.ts';
import type { FleetRegistry } from '../../src/ports/fleet-registry.ts';
import { openTestDatabase } from '../support/mongo-server.ts';
import type { RegistryStore } from './fleet-registry.ts';

/** The system's clock, which can be moved ahead. */
function movableClock() {
  let aheadMs = 0;
  const clock: Clock = { ...systemClock, monotonic: () => systemClock.monotonic() + aheadMs };
  return {
    clock,
    async passes(ms: number) {
      aheadMs += ms;
    },
  };
}

export async function createInProcessFleetStore(): Promise<RegistryStore> {
  const { clock, passes } = movableClock();
  const fleet = createInProcessFleet(clock);
  return { open: async () => fleet.connect(), passes, async [Symbol.asyncDispose]() {} };
}

/** A fleet of its own on a server that others use as well. */
export async function createNatsFleetStore(url: string): Promise<RegistryStore> {
  const { clock, passes } = movableClock();
  const shared = {
    prefix: `test-${randomUUID()}`,
    key: messageKeyOf('a secret of the fleet'),
    clock,
    report: () => undefined,
  };
  return {
    async open() {
      const link = openNats({ ...shared, clock: systemClock, servers: [url], name: 'test' });
      return disposingOf(createNatsRegistry({ ...shared, link }), link);
    },
    passes,
    async [Symbol.asyncDispose]() {},
  };
}

/** A database of its own on the server of that URI. */
export async function createMongoFleetStore(uri: string): Promise<RegistryStore> {
  const database = openTestDatabase(uri);
  const replicas = database.client.db(database.name).collection('replicas');
  return {
    async open() {
      const mongo = openMongo({ uri, database: database.name });
      return disposingOf(createMongoRegistry(mongo), mongo);
    },
    async passes(ms) {
      await replicas.updateMany({}, [{ $set: { seenAt: { $subtract: ['$seenAt', ms] } } }]);
    },
    [Symbol.asyncDispose]: () => database[Symbol.asyncDispose](),
  };
}

/** The registry, which takes what it needs with it. */
function disposingOf(registry: FleetRegistry, needed: AsyncDisposable): FleetRegistry {
  return {
    ...registry,
    async [Symbol.asyncDispose]() {
      await registry[Symbol.asyncDispose]();
      await needed[Symbol.asyncDispose]();
    },
  };
}

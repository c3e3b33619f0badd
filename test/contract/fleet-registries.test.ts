import { describe } from 'vitest';
import { mongoServerOrSkip } from '../support/mongo-server.ts';
import { natsServerOrSkip } from '../support/nats-server.ts';
import { declareFleetRegistryContract } from './fleet-registry.ts';
import { createInProcessFleetStore, createMongoFleetStore, createNatsFleetStore } from './fleet-stores.ts';

const [nats, mongo] = [await natsServerOrSkip(), await mongoServerOrSkip()];

declareFleetRegistryContract('the in-process registry', createInProcessFleetStore);

describe.skipIf(nats === undefined)('over NATS', () => {
  declareFleetRegistryContract('the NATS registry', () => createNatsFleetStore(nats ?? ''));
});

describe.skipIf(mongo === undefined)('on a MongoDB server', () => {
  declareFleetRegistryContract('the MongoDB registry', () => createMongoFleetStore(mongo ?? ''));
});

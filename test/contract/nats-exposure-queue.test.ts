import { describe } from 'vitest';
import { natsProgramOrSkip } from '../support/nats-server.ts';
import { declareExposureQueueContract } from './exposure-queue.ts';
import { createNatsQueueStore } from './exposure-queue-stores.ts';

const program = natsProgramOrSkip();

describe.skipIf(program === undefined)('over JetStream', () => {
  declareExposureQueueContract('the NATS exposure queue', () => createNatsQueueStore(program ?? ''));
});

import { describe } from 'vitest';
import { mongoServerOrSkip } from '../support/mongo-server.ts';
import { createMongoProjectionStore } from './mongo-stores.ts';
import { declareProjectionContract } from './projection.ts';

const uri = await mongoServerOrSkip();

describe.skipIf(uri === undefined)('on a MongoDB server', () => {
  declareProjectionContract('the MongoDB projection', () => createMongoProjectionStore(uri ?? ''));
});

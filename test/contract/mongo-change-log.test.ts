import { describe } from 'vitest';
import { mongoServerOrSkip } from '../support/mongo-server.ts';
import { declareChangeLogContract } from './change-log.ts';
import { createMongoLogStore } from './mongo-stores.ts';

const uri = await mongoServerOrSkip();

describe.skipIf(uri === undefined)('on a MongoDB server', () => {
  declareChangeLogContract('the MongoDB change log', () => createMongoLogStore(uri ?? ''));
});

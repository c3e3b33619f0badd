import { describe } from 'vitest';
import { mongoServerOrSkip } from '../support/mongo-server.ts';
import { declareExposureStoreContract } from './exposure-store.ts';
import { createMongoExposures } from './mongo-stores.ts';

const uri = await mongoServerOrSkip();

describe.skipIf(uri === undefined)('on a MongoDB server', () => {
  declareExposureStoreContract('the MongoDB store of exposures', () => createMongoExposures(uri ?? ''));

  declareExposureStoreContract('the same, when it puts everything together at once', () =>
    createMongoExposures(uri ?? '', { partsPerRoll: 1, rollsPerMerge: 2 }),
  );
});

import { describe } from 'vitest';
import { mongoServerOrSkip } from '../support/mongo-server.ts';
import { declareContract } from './contract.ts';
import { historyChecks } from './exposure-histories.ts';
import { declareExposureStoreContract } from './exposure-store.ts';
import { keepingChecks } from './exposure-store-keeping.ts';
import { createMongoExposures } from './mongo-stores.ts';

const uri = await mongoServerOrSkip();

describe.skipIf(uri === undefined)('on a MongoDB server', () => {
  declareExposureStoreContract('the MongoDB store of exposures', () => createMongoExposures(uri ?? ''));

  const eager = { partsPerRoll: 1, rollsPerMerge: 2 };
  declareContract(
    'the same, which puts everything together at once',
    [...keepingChecks, ...historyChecks],
    () => createMongoExposures(uri ?? '', eager),
  );
});

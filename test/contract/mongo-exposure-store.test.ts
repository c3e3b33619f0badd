import { describe, vi } from 'vitest';
import { mongoServerOrSkip } from '../support/mongo-server.ts';
import { declareContract } from './contract.ts';
import { historyChecks } from './exposure-histories.ts';
import { declareExposureStoreContract } from './exposure-store.ts';
import { keepingChecks } from './exposure-store-keeping.ts';
import { createMongoExposures } from './mongo-stores.ts';

const uri = await mongoServerOrSkip();

// Whole histories take thousands of round trips.
vi.setConfig({ testTimeout: 180_000 });

describe.skipIf(uri === undefined)('on a MongoDB server', () => {
  declareExposureStoreContract('the MongoDB store of exposures', () => createMongoExposures(uri ?? ''));

  const eager = { partsPerRoll: 1, rollsPerMerge: 2 };
  declareContract(
    'the same, which puts everything together at once',
    [...keepingChecks, ...historyChecks],
    () => createMongoExposures(uri ?? '', eager),
  );
});

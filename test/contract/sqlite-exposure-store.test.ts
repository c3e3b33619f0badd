import { declareContract } from './contract.ts';
import { historyChecks } from './exposure-histories.ts';
import { declareExposureStoreContract } from './exposure-store.ts';
import { writeChecks } from './exposure-store-writes.ts';
import { createExposureTablesStore, createSqliteExposureStore } from './sqlite-stores.ts';

declareExposureStoreContract('the SQLite tables of exposures', createExposureTablesStore);

// Threads take their time to start, and what they do is what the tables do.
declareContract(
  'the SQLite store of exposures, in threads',
  [...writeChecks, ...historyChecks],
  createSqliteExposureStore,
);

import { declareExposureStoreContract } from './exposure-store.ts';
import { createExposureTablesStore } from './sqlite-stores.ts';

declareExposureStoreContract('the SQLite tables of exposures', createExposureTablesStore);

import { declareProjectionContract } from './projection.ts';
import { createSqliteProjectionStore } from './sqlite-stores.ts';

declareProjectionContract('the SQLite projection', createSqliteProjectionStore);

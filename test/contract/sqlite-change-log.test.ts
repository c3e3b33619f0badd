import { declareChangeLogContract } from './change-log.ts';
import { createSqliteLogStore } from './sqlite-stores.ts';

declareChangeLogContract('the SQLite change log', createSqliteLogStore);

import type { ExposureStore } from '../../src/ports/exposure-store.ts';
import { type Check, declareContract, type Store } from './contract.ts';
import { historyChecks } from './exposure-histories.ts';
import { keepingChecks } from './exposure-store-keeping.ts';
import { ledgerChecks } from './exposure-store-ledger.ts';
import { outcomeChecks } from './exposure-store-outcomes.ts';
import { rowChecks, seriesChecks } from './exposure-store-readers.ts';
import { writeChecks } from './exposure-store-writes.ts';

/** Every obligation of the port. */
export const exposureStoreChecks: readonly Check<Store<ExposureStore>>[] = [
  ...writeChecks,
  ...seriesChecks,
  ...outcomeChecks,
  ...rowChecks,
  ...ledgerChecks,
  ...keepingChecks,
  ...historyChecks,
];

/** Declares the suite for stores that `createStore` makes, each empty. */
export function declareExposureStoreContract(
  name: string,
  createStore: () => Promise<Store<ExposureStore>>,
): void {
  declareContract(name, exposureStoreChecks, createStore);
}

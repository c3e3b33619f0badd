import type { ChangeLog } from '../../src/ports/change-log.ts';
import { appendChecks } from './change-log-append.ts';
import { raceChecks } from './change-log-races.ts';
import { readChecks } from './change-log-read.ts';
import { type Check, declareContract, type Store } from './contract.ts';

/** What the port `ChangeLog` demands of every adapter. */
export const changeLogChecks: readonly Check<Store<ChangeLog>>[] = [
  ...appendChecks,
  ...raceChecks,
  ...readChecks,
];

/** Declares the suite for one adapter. */
export function declareChangeLogContract(name: string, createStore: () => Promise<Store<ChangeLog>>): void {
  declareContract(`${name} keeps the contract of the change log`, changeLogChecks, createStore);
}

import { hashOf } from '../../../src/app/change-hash.ts';
import type { Check } from './check.ts';

/** I1: the log is 1, 2, 3, … without a gap, a chain of hashes, in the order of time, and no key is in it twice. */
export const checkLog: Check = function* ({ log }) {
  const keys = new Map<string, number>();
  let previous = { revision: 0, hash: '', time: '' };
  for (const change of log) {
    const at = `revision ${change.revision}`;
    const wrong = (message: string) => ({ invariant: 'I1', message }) as const;
    if (change.revision !== previous.revision + 1) yield wrong(`${at} follows on ${previous.revision}`);
    if (change.previousHash !== previous.hash) yield wrong(`${at} does not continue the chain`);
    if (change.hash !== hashOf(change)) yield wrong(`${at} is not what its hash says`);
    if (change.time < previous.time) yield wrong(`${at} is of an earlier time than the one before`);
    const twin = keys.get(change.idempotencyKey);
    if (twin !== undefined) yield wrong(`${at} has the idempotency key of revision ${twin}`);
    keys.set(change.idempotencyKey, change.revision);
    previous = change;
  }
};

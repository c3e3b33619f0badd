import type { Change } from '../../../src/core/change.ts';
import type { History, ViewSeen } from '../history/history.ts';
import { type Expected, expectedOf } from '../history/replay.ts';

/** The names that the invariants have in docs/faults.md. */
export type Invariant =
  | 'I1'
  | 'I2'
  | 'I3'
  | 'I4'
  | 'I5'
  | 'I6'
  | 'I7'
  | 'I8'
  | 'I9'
  | 'I10'
  | 'I11'
  | 'I12'
  | 'I13'
  | 'I15'
  | 'I16';

export interface Violation {
  readonly invariant: Invariant;
  readonly message: string;
}

/** Says what in a history must not be. Takes time in proportion to the history, but for sorting. */
export type Check = (history: History, known: Known) => Iterable<Violation>;

/** What several checks work out from the log, once. */
export interface Known {
  /** The revisions whose change has this idempotency key. */
  revisionsOf(key: string): readonly number[];
  /** The revisions whose change says that it is this operation. */
  witnessedAt(key: string): readonly number[];
  expected(environment: string, view: ViewSeen): Expected;
}

/** What a change's reason says of the operation with this key. */
export function reasonOf(key: string): string {
  return `op ${key}`;
}

/** The idempotency key that a client gave; the API keeps them apart from the service's own. */
export function keyOf({ idempotencyKey }: Change): string {
  return idempotencyKey.replace(/^call:/, '');
}

export function knownOf(log: readonly Change[]): Known {
  const byKey = indexed(log, keyOf);
  const byReason = indexed(log, ({ reason }) => reason);
  const expected = new Map<string, Expected>();
  return {
    revisionsOf: (key) => byKey.get(key) ?? [],
    witnessedAt: (key) => byReason.get(reasonOf(key)) ?? [],
    expected(environment, view) {
      const name = JSON.stringify([environment, view]);
      const found = expected.get(name) ?? expectedOf(log, environment, view);
      expected.set(name, found);
      return found;
    },
  };
}

function indexed(log: readonly Change[], nameOf: (change: Change) => string): Map<string, number[]> {
  const index = new Map<string, number[]>();
  for (const change of log) {
    const revisions = index.get(nameOf(change)) ?? [];
    index.set(nameOf(change), revisions);
    revisions.push(change.revision);
  }
  return index;
}

import type { Change, Head } from '../core/change.ts';

/**
 * The append-only logs, one per project: the one truth that everything else is made from. Revisions of a project
 * are 1, 2, 3, … without gaps, and whoever inserts the change that carries a revision has committed it.
 */
export interface ChangeLog extends AsyncDisposable {
  /**
   * Commits one change at `change.revision`.
   *
   * - Must answer `appended` only once the change is durable: it survives the death of this process and of the
   *   store at any later moment.
   * - Must answer `slot_taken`, and change nothing, unless `change.revision` is exactly one above the project's head
   *   and `change.previousHash` is the head's hash.
   * - Must answer `already_done` with the earlier change, and change nothing, if the project's log holds one with the
   *   same idempotency key; this comes before `slot_taken`.
   * - Appending the very change that already holds the slot is `already_done`, so an ambiguous outcome is resolved by
   *   asking again.
   * - Must let exactly one of several concurrent appends to a slot succeed, from any number of processes.
   * - Rejects with `unavailable` when it cannot say; then the change may or may not be there.
   */
  append(change: Change): Promise<AppendResult>;

  /** Must return the newest change's place, or undefined for a project without a log. */
  head(project: string): Promise<Head | undefined>;

  /**
   * Must return the head of every project that has a log, by project in code point order. One of which the hash cannot
   * be read has an empty one, and does not keep anybody from the others.
   */
  heads(): Promise<readonly Head[]>;

  /**
   * Must return the changes with `after < revision`, in order, without gaps, at most `limit` of them; an empty list
   * exactly when there is none. What is returned equals what was appended, to the last code point.
   */
  read(project: string, after: number, limit: number): Promise<readonly Change[]>;

  /** Must return up to `limit` changes with `revision < before`, newest first. */
  readBack(project: string, before: number, limit: number): Promise<readonly Change[]>;

  /** Must return the change with this idempotency key, byte for byte and case-sensitively, or undefined. */
  byIdempotencyKey(project: string, key: string): Promise<Change | undefined>;

  /** Must return the highest revision whose time is not after `time`; 0 if there is none. */
  revisionAt(project: string, time: string): Promise<number>;

  /**
   * Must tell the time (epoch milliseconds) by the clock of the store, which all who use this log share. Absent where
   * that is this machine's.
   */
  now?(): Promise<number>;
}

export type AppendResult =
  | { readonly kind: 'appended' }
  | { readonly kind: 'slot_taken' }
  | { readonly kind: 'already_done'; readonly change: Change };

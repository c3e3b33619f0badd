import { setImmediate as nextTurn } from 'node:timers/promises';
import type { Change, Head } from '../core/change.ts';
import { FlagError } from '../core/errors.ts';
import type { ChangeLog } from '../ports/change-log.ts';
import { hashOf } from './change-hash.ts';

const PAGE = 50;

export interface Verdict {
  /** How many revisions, from the first, are as they were written. */
  readonly revisionsChecked: number;
  /** Absent: the log is intact. */
  readonly broken?: { readonly revision: number; readonly problem: string };
}

/** Where a history has got to; all empty at its beginning. */
export interface Place {
  readonly revision: number;
  readonly hash: string;
  readonly time: string;
}

/**
 * Walks a project's log from its first change, recomputing every hash, and says what is the first not to fit.
 * `known` are places that somebody saw earlier, such as this replica: a log that is shorter, or another, is broken.
 */
export async function verifyHistory(
  log: ChangeLog,
  project: string,
  known: readonly Pick<Head, 'revision' | 'hash'>[],
): Promise<Verdict> {
  const hashes = new Map(known.map(({ revision, hash }) => [revision, hash]));
  let last: Place = { revision: 0, hash: '', time: '' };
  for (;;) {
    const { changes, damage } = await readOn(log, project, last.revision);
    for (const change of changes) {
      const problem = problemOf(change, project, last) ?? rewrittenAt(change, hashes);
      if (problem !== undefined)
        return { revisionsChecked: last.revision, broken: { revision: last.revision + 1, problem } };
      last = change;
    }
    if (damage !== undefined) return { revisionsChecked: last.revision, broken: damage };
    if (changes.length === 0) break;
    await nextTurn();
  }
  const furthest = Math.max(0, ...hashes.keys());
  if (furthest <= last.revision) return { revisionsChecked: last.revision };
  const problem = `the log ends here, but reached revision ${furthest} before`;
  return { revisionsChecked: last.revision, broken: { revision: last.revision + 1, problem } };
}

/** The changes that follow, and where the log cannot be read any further. */
async function readOn(
  log: ChangeLog,
  project: string,
  after: number,
): Promise<{ changes: readonly Change[]; damage?: { revision: number; problem: string } }> {
  try {
    return { changes: await log.read(project, after, PAGE) };
  } catch (error) {
    if (!(error instanceof FlagError) || error.details.reason !== 'LOG_DAMAGED') throw error;
    const revision = Number(error.details.metadata?.revision);
    const damage = { revision, problem: error.message };
    const readable = revision - 1 - after;
    return { changes: readable > 0 ? await log.read(project, after, readable) : [], damage };
  }
}

/** What is wrong with a change that ought to follow on `last`; undefined if it does. */
export function problemOf(change: Change, project: string, last: Place): string | undefined {
  const expected = last.revision + 1;
  if (change.revision !== expected) return `revision ${expected} is missing; ${change.revision} follows`;
  if (change.project !== project) return `it belongs to project ${change.project}`;
  if (change.previousHash !== last.hash)
    return `it does not follow on revision ${last.revision}: previous_hash is another`;
  if (change.time < last.time) return `its time is before that of revision ${last.revision}`;
  return hashOf(change) === change.hash ? undefined : 'its content does not match its hash';
}

function rewrittenAt(change: Change, hashes: ReadonlyMap<number, string>): string | undefined {
  const known = hashes.get(change.revision);
  return known === undefined || known === change.hash
    ? undefined
    : 'it is not the change that was seen here before';
}

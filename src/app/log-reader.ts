import type { Change, Head } from '../core/change.ts';
import { FlagError } from '../core/errors.ts';
import type { ChangeLog } from '../ports/change-log.ts';
import type { Position } from '../ports/projection.ts';
import { hashOf } from './change-hash.ts';

const PAGE = 500;

/** So many changes in a row that nobody can read are passed over; more is no log any more. */
const MOST_SKIPPED = 8;

/** What a log holds after some revision. */
export type Next =
  /** None: that is all. */
  | { readonly kind: 'changes'; readonly changes: readonly Change[] }
  /** The very next change cannot be read. */
  | { readonly kind: 'unreadable'; readonly message: string; readonly isTooNew: boolean };

export async function readNext(log: ChangeLog, project: string, after: number, limit = PAGE): Promise<Next> {
  let size = limit;
  for (;;)
    try {
      return { kind: 'changes', changes: await log.read(project, after, size) };
    } catch (error) {
      const damage = damageIn(error);
      if (damage === undefined) throw error;
      if (size === 1) return { kind: 'unreadable', message: damage.message, isTooNew: damage.isTooNew };
      // There may be a gap before it, and then fewer changes than that.
      const readable = damage.revision - 1 - after;
      size = readable < size ? Math.max(1, readable) : Math.ceil(size / 2);
    }
}

/**
 * Where the log goes on after a change that cannot be read or trusted: the last such change in a row, and the hash that
 * the log has for it. Undefined if the log does not say.
 */
export async function positionAfter(
  log: ChangeLog,
  project: string,
  unreadable: number,
): Promise<Position | undefined> {
  for (let revision = unreadable; revision < unreadable + MOST_SKIPPED; revision++) {
    const next = await readNext(log, project, revision).catch(nothingIfDamaged);
    if (next === undefined || next.kind === 'unreadable') continue;
    const [change] = next.changes;
    if (change !== undefined) return { revision, hash: change.previousHash };
    const head = await headOf(log, project);
    return head?.revision === revision && head.hash !== '' ? { revision, hash: head.hash } : undefined;
  }
  return undefined;
}

/** The head; undefined also if the log cannot say what it is, for damage. */
async function headOf(log: ChangeLog, project: string): Promise<Head | undefined> {
  return await log.head(project).catch(nothingIfDamaged);
}

/** Why a change that was read must not be trusted; undefined if it may. Never throws. */
export function faultIn(change: Change): string | undefined {
  try {
    if (hashOf(change) !== change.hash) return 'its content does not match its hash';
  } catch {
    return 'it is nested too deep';
  }
  return Number.isNaN(Date.parse(change.time)) ? 'its time is no time' : undefined;
}

/** For a rejection: goes on with nothing if the log is damaged there, and rejects with anything else. */
export function nothingIfDamaged(error: unknown): undefined {
  if (damageIn(error) === undefined) throw error;
  return undefined;
}

function damageIn(error: unknown) {
  if (!(error instanceof FlagError) || error.details.reason !== 'LOG_DAMAGED') return undefined;
  const { revision, format } = error.details.metadata ?? {};
  return { revision: Number(revision), message: error.message, isTooNew: format !== undefined };
}

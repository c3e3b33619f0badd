import type { Change } from '../core/change.ts';
import type { ChangeLog } from '../ports/change-log.ts';

/** What tells one history of a project from another. */
export interface Lineage {
  /** The hash of the first change: the same for ever and on every replica; empty if there is none. */
  readonly genesis: string;
  /** The changes, oldest first, by which another history was given up for this one. */
  readonly adoptions: readonly Adoption[];
}

export interface Adoption {
  /** Of the change that says so. */
  readonly hash: string;
  /** How far the history that was given up had got. */
  readonly abandons: number;
}

export const NO_LINEAGE: Lineage = { genesis: '', adoptions: [] };

/** Who takes the log for the truth leaves a change with this action in it. */
export const ADOPT = 'history.adopt';

/** The lineage after one more change. */
export function descended(lineage: Lineage, change: Change): Lineage {
  const { revision, hash, abandons } = change;
  const genesis = revision === 1 ? hash : lineage.genesis;
  if (typeof abandons !== 'number') return genesis === lineage.genesis ? lineage : { ...lineage, genesis };
  return { genesis, adoptions: [...lineage.adoptions, { hash, abandons }] };
}

/** The idempotency key of the nth adoption in a log, so that they are found without reading it. */
export function adoptionKey(count: number): string {
  return `${ADOPT}:${count}`;
}

/** The adoptions that a log has, and which is the first that it has not. A caller may have used such a key for itself. */
export async function adoptionsIn(
  log: ChangeLog,
  project: string,
): Promise<{ readonly adoptions: readonly Adoption[]; readonly next: number }> {
  const adoptions: Adoption[] = [];
  for (let count = 1; ; count++) {
    const change = await log.byIdempotencyKey(project, adoptionKey(count));
    if (change === undefined) return { adoptions, next: count };
    if (change.action === ADOPT && change.abandons !== undefined)
      adoptions.push({ hash: change.hash, abandons: change.abandons });
  }
}

import { type Change, idOf, type ObjectId, type ObjectKind, type Operation } from '../core/change.ts';
import type { ChangeLog } from '../ports/change-log.ts';

/** The ids of the objects that a change puts or deletes. */
export function touchedBy(operations: readonly Operation[]): ObjectId[] {
  return operations.map((operation) => (operation.op === 'put' ? idOf(operation.object) : operation.id));
}

/** What one environment has to look at again because of some changes. */
export interface Touched {
  readonly flags: ReadonlySet<string>;
  readonly segments: ReadonlySet<string>;
  readonly releases: ReadonlySet<string>;
}

/** Of these ids, those that matter to an environment. Settings count as their flag. */
export function touchedIn(environment: string, ids: Iterable<ObjectId>): Touched {
  const of: Record<'flag' | 'segment' | 'release', Set<string>> = {
    flag: new Set(),
    segment: new Set(),
    release: new Set(),
  };
  for (const id of ids) {
    const kind: ObjectKind = id.kind === 'settings' && id.environment === environment ? 'flag' : id.kind;
    if (kind === 'flag' || kind === 'segment' || kind === 'release') of[kind].add(id.key);
  }
  return { flags: of.flag, segments: of.segment, releases: of.release };
}

const KEPT = 1_000;
const PAGE = 500;

/** The newest changes of one project, by what they touched: enough for most watchers to continue from. */
export class RecentChanges {
  readonly #entries: { revision: number; hash: string; ids: readonly ObjectId[] }[] = [];

  add(change: Change): void {
    this.#entries.push({ revision: change.revision, hash: change.hash, ids: touchedBy(change.operations) });
    if (this.#entries.length > 2 * KEPT) this.#entries.splice(0, this.#entries.length - KEPT);
  }

  /** What changes `after < revision <= upTo` touched; undefined if that is further back than this goes. */
  between(after: number, upTo: number): ObjectId[] | undefined {
    const [oldest] = this.#entries;
    if (oldest === undefined || oldest.revision > after + 1) return undefined;
    return this.#entries
      .slice(after + 1 - oldest.revision, upTo + 1 - oldest.revision)
      .flatMap(({ ids }) => ids);
  }

  hashAt(revision: number): string | undefined {
    const [oldest] = this.#entries;
    return oldest === undefined ? undefined : this.#entries[revision - oldest.revision]?.hash;
  }
}

/** The same from the log itself: what changes `after < revision <= upTo` touched. */
export async function touchedInLog(
  log: ChangeLog,
  project: string,
  after: number,
  upTo: number,
): Promise<ObjectId[]> {
  const ids: ObjectId[] = [];
  for (let from = after; from < upTo; ) {
    const changes = await log.read(project, from, Math.min(PAGE, upTo - from));
    const last = changes.at(-1);
    if (last === undefined) break;
    for (const change of changes) ids.push(...touchedBy(change.operations));
    from = last.revision;
  }
  return ids;
}

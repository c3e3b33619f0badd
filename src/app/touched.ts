import type { ObjectId, ObjectKind } from '../core/change.ts';
import { FlagError } from '../core/errors.ts';
import type { ChangeLog } from '../ports/change-log.ts';
import type { Position } from '../ports/projection.ts';
import { identified } from './identified.ts';
import type { ProjectState } from './project-state.ts';

/** What one environment has to look at again because of some changes. Settings count as their flag. */
export interface Touched {
  readonly flags: ReadonlySet<string>;
  readonly segments: ReadonlySet<string>;
  readonly releases: ReadonlySet<string>;
  /** Of the flags, those that a web key could see before one of the changes; undefined if nobody knows. */
  readonly seenByClients: ReadonlySet<string> | undefined;
}

export const NOTHING_TOUCHED: Touched = {
  flags: new Set(),
  segments: new Set(),
  releases: new Set(),
  seenByClients: new Set(),
};

/** What these ids mean to an environment. */
export function touchedIn(
  environment: string,
  ids: Iterable<ObjectId>,
  seenByClients?: ReadonlySet<string>,
): Touched {
  const of: Record<'flag' | 'segment' | 'release', Set<string>> = {
    flag: new Set(),
    segment: new Set(),
    release: new Set(),
  };
  for (const id of ids) {
    const kind: ObjectKind = id.kind === 'settings' && id.environment === environment ? 'flag' : id.kind;
    if (kind === 'flag' || kind === 'segment' || kind === 'release') of[kind].add(id.key);
  }
  return { flags: of.flag, segments: of.segment, releases: of.release, seenByClients };
}

interface Entry {
  readonly revision: number;
  readonly hash: string;
  readonly ids: readonly ObjectId[];
  readonly seenByClients: readonly string[];
}

const KEPT = 1_000;
const SHARED = 64;
const PAGE = 500;

/** The newest changes of one project, by what they touched: enough for most watchers to continue from. */
export class RecentChanges {
  readonly #entries: Entry[] = [];
  readonly #shared = new Map<string, Touched>();
  /** What was asked for last: thousands of watchers that take the same step ask one after the other. */
  #last: { after: number; upTo: number; environment: string; touched: Touched } | undefined;

  /** To be called for every revision, in order. */
  add({ revision, hash }: Position, ids: readonly ObjectId[], before: ProjectState): void {
    const seenByClients = ids.flatMap(({ kind, key }) =>
      kind === 'flag' && before.flags.get(key)?.state.clientVisible ? [key] : [],
    );
    this.#entries.push({ revision, hash, ids, seenByClients });
    if (this.#entries.length > 2 * KEPT) this.#entries.splice(0, this.#entries.length - KEPT);
  }

  /**
   * What changes `after < revision <= upTo` touched in an environment; undefined if that is further back than this
   * goes. Watchers that go the same way get the same object.
   */
  touched(environment: string, after: number, upTo: number): Touched | undefined {
    if (after >= upTo) return NOTHING_TOUCHED;
    const last = this.#last;
    if (last?.after === after && last.upTo === upTo && last.environment === environment) return last.touched;
    const touched = this.#find(environment, after, upTo);
    if (touched !== undefined) this.#last = { after, upTo, environment, touched };
    return touched;
  }

  #find(environment: string, after: number, upTo: number): Touched | undefined {
    const [oldest] = this.#entries;
    if (oldest === undefined || oldest.revision > after + 1) return undefined;
    const name = `${after}-${upTo} ${environment}`;
    let touched = this.#shared.get(name);
    if (touched === undefined) {
      const passed = this.#entries.slice(after + 1 - oldest.revision, upTo + 1 - oldest.revision);
      const seen = new Set(passed.flatMap(({ seenByClients }) => seenByClients));
      touched = touchedIn(
        environment,
        passed.flatMap(({ ids }) => ids),
        seen,
      );
      if (this.#shared.size >= SHARED) this.#shared.clear();
      this.#shared.set(name, touched);
    }
    return touched;
  }

  hashAt(revision: number): string | undefined {
    const [oldest] = this.#entries;
    return oldest === undefined ? undefined : this.#entries[revision - oldest.revision]?.hash;
  }
}

/**
 * The same from the log itself, which does not say what things were like before; undefined if it cannot be reached, or
 * read.
 */
export async function touchedInLog(
  log: ChangeLog,
  project: string,
  environment: string,
  after: number,
  upTo: number,
): Promise<Touched | undefined> {
  const ids: ObjectId[] = [];
  for (let from = after; from < upTo; ) {
    const changes = await log.read(project, from, Math.min(PAGE, upTo - from)).catch(nothingIfUnavailable);
    const last = changes?.at(-1);
    if (changes === undefined || last === undefined) return undefined;
    for (const { operations } of changes)
      for (const operation of operations) {
        const id = identified(operation);
        if (id !== undefined) ids.push(id);
      }
    from = last.revision;
  }
  return touchedIn(environment, ids);
}

function nothingIfUnavailable(error: unknown): undefined {
  if (!(error instanceof FlagError) || error.kind !== 'unavailable') throw error;
  return undefined;
}

import type { Change, Head, Operation } from '../core/change.ts';
import { FlagError } from '../core/errors.ts';
import type { Snapshot } from '../core/snapshot.ts';
import type { ChangeLog } from '../ports/change-log.ts';
import type { Clock } from '../ports/clock.ts';
import type { Projection } from '../ports/projection.ts';
import { hashOf } from './change-hash.ts';
import { EnvironmentSnapshots } from './environment-snapshot.ts';
import { applyChange, emptyState, type ProjectState } from './project-state.ts';
import { type Problem, Quarantine } from './quarantine.ts';
import { restoreState } from './restore-state.ts';
import { RecentChanges, type Touched, touchedInLog } from './touched.ts';

/** A step of a project, and the project before and after it. */
export interface Applied {
  readonly project: string;
  /** Absent when the state was restored as a whole. */
  readonly change?: Change;
  readonly before: ProjectState;
  readonly after: ProjectState;
}

export interface LiveParts {
  readonly log: ChangeLog;
  readonly projection: Projection;
  readonly clock: Clock;
  /** Hears of what is wrong but does not stop anything. */
  readonly report: (problem: string, details: Readonly<Record<string, unknown>>) => void;
  readonly applied: (applied: Applied) => void;
}

/** Why a project is served as it last was, and not written any more. */
export type Trouble =
  /** The log contradicts what was applied: it was rewritten or restored from an older backup. */
  | 'forked'
  /** An entry of the log cannot be read. */
  | 'damaged';

const PAGE = 500;
const LONGEST_STALENESS_MS = 0xffff_ffff;

/** One project as this replica knows it: its state, its environments compiled, and how far both can be trusted. */
export class LiveProject {
  readonly key: string;
  readonly #parts: LiveParts;
  readonly #snapshots = new EnvironmentSnapshots();
  readonly #quarantine = new Quarantine();
  readonly #recent = new RecentChanges();
  #state: ProjectState;
  #genesis = '';
  #trouble: Trouble | undefined;
  #verifiedAt = Number.NEGATIVE_INFINITY;
  #fetching: Promise<void> | undefined;

  constructor(key: string, parts: LiveParts) {
    this.key = key;
    this.#parts = parts;
    this.#state = emptyState(key);
  }

  get state(): ProjectState {
    return this.#state;
  }

  /** The hash of the first change: the same for ever and on every replica; empty if there is none. */
  get genesis(): string {
    return this.#genesis;
  }

  get trouble(): Trouble | undefined {
    return this.#trouble;
  }

  /** Undefined for an environment that does not exist or is archived, or of a project that is. */
  snapshot(environment: string): Snapshot | undefined {
    return this.#snapshots.get(environment);
  }

  problems(): readonly Problem[] {
    return this.#quarantine.problems();
  }

  /** Milliseconds since the start of the last comparison that found this up to date. */
  stalenessMs(): number {
    const elapsed = Math.round(this.#parts.clock.monotonic() - this.#verifiedAt);
    return Math.min(Math.max(0, elapsed), LONGEST_STALENESS_MS);
  }

  /** Applies a change if it is the very next one; otherwise leaves it to `fetch` and returns false. */
  offer(change: Change): boolean {
    const { revision, hash } = this.#state;
    if (change.revision !== revision + 1 || change.previousHash !== hash) return false;
    this.#apply(change);
    return true;
  }

  /** The same for a change that this process committed. A log that begins with it is known from its beginning. */
  commit(change: Change): boolean {
    if (change.revision === 1) this.#verifiedAt = this.#parts.clock.monotonic();
    return this.offer(change);
  }

  /** Compares with the log's head, and fetches what is missing. Rejects with `unavailable` if the log cannot be read. */
  async compare(head: Head | undefined, startedAt: number): Promise<void> {
    const { revision, hash } = this.#state;
    if (revision !== (head?.revision ?? 0) || hash !== (head?.hash ?? '')) {
      const running = this.#fetching;
      await this.fetch();
      // A run that was under way may have read the log before it had this head.
      if (running !== undefined && this.#state.revision < (head?.revision ?? 0)) await this.fetch();
    }
    if (this.#trouble === undefined) this.#verifiedAt = startedAt;
  }

  /** Applies what the log has beyond this; calls at the same time share one run. */
  fetch(): Promise<void> {
    this.#fetching ??= this.#readOn().finally(() => {
      this.#fetching = undefined;
    });
    return this.#fetching;
  }

  /** What one environment has to look at again after changes `after < revision <= upTo`. */
  touched(environment: string, after: number, upTo: number): Touched | Promise<Touched> {
    return (
      this.#recent.touched(environment, after, upTo) ??
      touchedInLog(this.#parts.log, this.key, environment, after, upTo)
    );
  }

  /** The hash of the change that made a revision; undefined if there is none, empty for revision 0. */
  async hashAt(revision: number): Promise<string | undefined> {
    if (revision === 0) return '';
    if (revision === this.#state.revision) return this.#state.hash;
    const recent = this.#recent.hashAt(revision);
    if (recent !== undefined) return recent;
    const [change] = await this.#parts.log.read(this.key, revision - 1, 1);
    return change?.hash;
  }

  #apply(change: Change): void {
    const operations: readonly Operation[] = this.#quarantine.admit(change);
    const before = this.#state;
    const after = applyChange(before, { ...change, operations });
    this.#state = after;
    if (change.revision === 1) this.#genesis = change.hash;
    this.#recent.add(change, before);
    this.#snapshots.advance(after, change.operations, this.#quarantine);
    this.#parts.applied({ project: this.key, change, before, after });
  }

  async #readOn(): Promise<void> {
    if (this.#state.revision === 0) await this.#restore();
    while (this.#trouble !== 'forked') {
      const changes = await this.#page();
      if (changes.length === 0) break;
      for (const change of changes) {
        if (change.revision <= this.#state.revision) continue;
        if (hashOf(change) !== change.hash || !this.offer(change))
          return this.#troubled('forked', change.revision);
      }
    }
    if (this.#trouble !== undefined) return;
    // Taken first: while the head is being asked for, a commit of our own may go on from here.
    const { revision, hash } = this.#state;
    const head = await this.#parts.log.head(this.key);
    const reached = head?.revision ?? 0;
    if (reached < revision || (head !== undefined && reached === revision && head.hash !== hash))
      this.#troubled('forked', revision);
  }

  /** The next changes, up to one that cannot be read. */
  async #page(): Promise<readonly Change[]> {
    const from = this.#state.revision;
    try {
      const changes = await this.#parts.log.read(this.key, from, PAGE);
      if (this.#trouble === 'damaged') this.#trouble = undefined;
      return changes;
    } catch (error) {
      if (!(error instanceof FlagError) || error.details.reason !== 'LOG_DAMAGED') throw error;
      const damaged = Number(error.details.metadata?.revision ?? from + 1);
      this.#troubled('damaged', damaged);
      return damaged > from + 1 ? this.#parts.log.read(this.key, from, damaged - 1 - from) : [];
    }
  }

  #troubled(trouble: Trouble, revision: number): void {
    if (this.#trouble !== trouble)
      this.#parts.report(trouble === 'forked' ? 'the log was rewritten' : 'the log is damaged', {
        project: this.key,
        revision,
      });
    this.#trouble = trouble;
  }

  /** Starts from the projection, if it is of this very history. */
  async #restore(): Promise<void> {
    const restored = await restoreState(this.#parts.projection, this.#parts.log, this.key);
    if (restored === undefined || this.#state.revision > 0) return;
    const before = this.#state;
    this.#state = restored.state;
    this.#genesis = restored.genesis;
    this.#snapshots.rebuild(restored.state, this.#quarantine);
    this.#parts.applied({ project: this.key, before, after: restored.state });
  }
}

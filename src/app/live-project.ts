import type { Change, Head, ObjectId } from '../core/change.ts';
import type { Snapshot } from '../core/snapshot.ts';
import type { ChangeLog } from '../ports/change-log.ts';
import type { Clock } from '../ports/clock.ts';
import type { Position } from '../ports/projection.ts';
import { EnvironmentSnapshots } from './environment-snapshot.ts';
import { descended, type Lineage, NO_LINEAGE } from './lineage.ts';
import { faultIn, positionAfter, readNext } from './log-reader.ts';
import { applyChange, emptyState, type ProjectState } from './project-state.ts';
import { type Problem, Quarantine, type Report } from './quarantine.ts';
import type { Restored } from './restore-state.ts';
import type { StateNote } from './state-note.ts';
import { RecentChanges, type Touched, touchedInLog } from './touched.ts';

/** A step of a project, and the project before and after it. */
export interface Applied {
  readonly project: string;
  /** Absent when the state was restored as a whole, or goes on behind a change that cannot be read. */
  readonly change?: Change;
  readonly before: ProjectState;
  readonly after: ProjectState;
}

export interface LiveParts {
  readonly log: ChangeLog;
  readonly clock: Clock;
  /** Hears of what is wrong but does not stop anything. */
  readonly report: Report;
  readonly applied: (applied: Applied) => void;
}

/** Why a project is served as it last was, and not written any more. */
export type Trouble =
  /** The log contradicts what was applied: it was rewritten or restored from an older backup. */
  | 'forked'
  /** The log cannot be read any further. */
  | 'damaged';

const LONGEST_STALENESS_MS = 0xffff_ffff;

/** One project as this replica knows it: its state, its environments compiled, and how far both can be trusted. */
export class LiveProject {
  readonly key: string;
  readonly #parts: LiveParts;
  readonly #snapshots = new EnvironmentSnapshots();
  readonly #quarantine: Quarantine;
  readonly #recent = new RecentChanges();
  #state: ProjectState;
  #lineage: Lineage = NO_LINEAGE;
  /** As far as the log itself was seen to say the same; undefined if it never was. */
  #proven: Position | undefined;
  #trouble: Trouble | undefined;
  #isTooNew = false;
  #isUnproven = false;
  #isInPart = false;
  #verifiedAt = Number.NEGATIVE_INFINITY;
  #fetching: Promise<void> | undefined;

  constructor(key: string, parts: LiveParts) {
    this.key = key;
    this.#parts = parts;
    this.#state = emptyState(key);
    this.#quarantine = new Quarantine((problem, details) =>
      parts.report(problem, { project: key, ...details }),
    );
  }

  get state(): ProjectState {
    return this.#state;
  }

  get lineage(): Lineage {
    return this.#lineage;
  }

  get trouble(): Trouble | undefined {
    return this.#trouble;
  }

  /** A newer build has made changes that this one cannot read: it must not plan any on what it knows. */
  get isTooNew(): boolean {
    return this.#isTooNew;
  }

  /** It was restored, and the log has never been found to say the same. */
  get isUnproven(): boolean {
    return this.#isUnproven;
  }

  /** As far as the log itself was seen to say the same; beyond that there is only somebody's word. */
  get proven(): Position | undefined {
    return this.#proven;
  }

  /** It was restored without what an earlier build did not understand; this one may. */
  get isInPart(): boolean {
    return this.#isInPart;
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

  /** What whoever restores this state later has to know of it. */
  note(): StateNote {
    const { clock } = this.#parts;
    const { genesis, adoptions } = this.#lineage;
    const verifiedAt = clock.now() - (clock.monotonic() - this.#verifiedAt);
    return {
      ...{ genesis, adoptions, time: this.#state.time, problems: this.problems() },
      ...(Number.isFinite(verifiedAt) && { verifiedAt: Math.floor(verifiedAt) }),
    };
  }

  /** Begins with what an earlier process knew. How old that is counts by the clock that both have. */
  restore({ state, lineage, problems, verifiedAt }: Restored): void {
    const { clock } = this.#parts;
    const ageMs = verifiedAt === undefined ? Number.NaN : clock.now() - verifiedAt;
    if (ageMs >= 0) this.#verifiedAt = clock.monotonic() - ageMs;
    this.#quarantine.add(problems);
    this.#lineage = lineage;
    this.#isUnproven = true;
    this.#isInPart = problems.length > 0;
    const before = this.#state;
    this.#state = state;
    this.#snapshots.rebuild(state, this.#quarantine);
    this.#parts.applied({ project: this.key, before, after: state });
  }

  /** Applies a change if it is the very next one; otherwise leaves it to `fetch` and returns false. */
  offer(change: Change): boolean {
    const { revision, hash } = this.#state;
    if (change.revision !== revision + 1 || change.previousHash !== hash) return false;
    this.#apply(change);
    return true;
  }

  /** The same for a change that this process began to append at that moment: nobody else had appended any before. */
  commit(change: Change, startedAt: number): boolean {
    const isNext = this.offer(change);
    if (isNext) this.#prove();
    if (isNext) this.#verified(startedAt);
    return isNext;
  }

  /** Compares with the log's head, and fetches what is missing. Rejects with `unavailable` if the log cannot be read. */
  async compare(head: Head | undefined, startedAt: number): Promise<void> {
    const { revision, hash } = this.#state;
    if (revision !== (head?.revision ?? 0) || hash !== (head?.hash ?? '')) {
      const running = this.#fetching;
      await this.fetch();
      // A run that was under way may have read the log before it had this head.
      if (running !== undefined && this.#state.revision < (head?.revision ?? 0)) await this.fetch();
    } else if (this.#trouble !== undefined) await this.fetch();
    else this.#prove();
    this.#verified(startedAt);
  }

  /** Applies what the log has beyond this; calls at the same time share one run. */
  fetch(): Promise<void> {
    this.#fetching ??= this.#readOn().finally(() => {
      this.#fetching = undefined;
    });
    return this.#fetching;
  }

  /**
   * What one environment has to look at again after changes `after < revision <= upTo`; undefined if nobody can say at
   * the moment.
   */
  touched(
    environment: string,
    after: number,
    upTo: number,
  ): Touched | undefined | Promise<Touched | undefined> {
    const recent = this.#recent.touched(environment, after, upTo);
    // A log that was rewritten says nothing about what is served here.
    if (recent !== undefined || this.#trouble === 'forked') return recent;
    return touchedInLog(this.#parts.log, this.key, environment, after, upTo);
  }

  /** The hash of the change that made a revision; undefined if there is none that is known, empty for revision 0. */
  async hashAt(revision: number): Promise<string | undefined> {
    if (revision === 0) return '';
    if (revision === this.#state.revision) return this.#state.hash;
    const recent = this.#recent.hashAt(revision);
    if (recent !== undefined || this.#trouble === 'forked') return recent;
    const [change] = await this.#parts.log.read(this.key, revision - 1, 1);
    return change?.hash;
  }

  #prove(): void {
    const { revision, hash } = this.#state;
    this.#proven = { revision, hash };
  }

  #verified(startedAt: number): void {
    if (startedAt < this.#verifiedAt) return;
    if (this.#trouble === undefined) this.#verifiedAt = startedAt;
    if (this.#trouble === undefined) this.#isUnproven = false;
  }

  async #readOn(): Promise<void> {
    if (this.#trouble === 'forked' && !(await this.#isBack())) return;
    for (;;) {
      const next = await readNext(this.#parts.log, this.key, this.#state.revision);
      if (next.kind === 'unreadable') {
        if (!(await this.#pass(next))) return;
        continue;
      }
      if (next.changes.length === 0) break;
      for (const change of next.changes) if (!(await this.#take(change))) return;
    }
    this.#trouble = undefined;
    // Taken first: while the head is being asked for, a commit of our own may go on from here.
    const { revision, hash } = this.#state;
    const head = await this.#parts.log.head(this.key);
    const reached = head?.revision ?? 0;
    if (reached < revision || (head !== undefined && reached === revision && head.hash !== hash))
      this.#troubled('forked', revision);
  }

  /** False: this is as far as it goes. */
  async #take(change: Change): Promise<boolean> {
    if (change.revision <= this.#state.revision) return true;
    const fault = faultIn(change);
    if (fault !== undefined) return await this.#goOnBehind(change.revision, fault, change);
    if (this.offer(change)) this.#prove();
    else this.#troubled('forked', change.revision);
    return this.#trouble !== 'forked';
  }

  async #pass({ message, isTooNew }: { message: string; isTooNew: boolean }): Promise<boolean> {
    const isPassed = await this.#goOnBehind(this.#state.revision + 1, message);
    if (isPassed && isTooNew) this.#isTooNew = true;
    return isPassed;
  }

  /** Leaves a change out, and whatever cannot be read behind it; false if the log does not say where it goes on. */
  async #goOnBehind(revision: number, message: string, change?: Change): Promise<boolean> {
    const position = await positionAfter(this.#parts.log, this.key, revision);
    // Somebody may have told us the change meanwhile, as it was once.
    if (this.#state.revision >= revision) return true;
    if (position === undefined) {
      this.#troubled('damaged', revision);
      return false;
    }
    if (change === undefined) this.#quarantine.add([{ revision, message }]);
    const touched = change === undefined ? [] : this.#quarantine.refuse(change, message);
    for (let at = revision; at < position.revision; at++)
      this.#recent.add({ revision: at, hash: '' }, [], this.#state);
    this.#advance({ ...this.#state, ...position }, touched, undefined);
    this.#prove();
    return true;
  }

  /** Whether the log holds again what it held when this state was made. */
  async #isBack(): Promise<boolean> {
    const { revision, hash } = this.#state;
    const [change] = await this.#parts.log.read(this.key, revision - 1, 1);
    if (change?.hash !== hash) return false;
    this.#parts.report('the log is again as it was', { project: this.key, revision });
    this.#trouble = undefined;
    return true;
  }

  #troubled(trouble: Trouble, revision: number): void {
    if (this.#trouble !== trouble)
      this.#parts.report(trouble === 'forked' ? 'the log was rewritten' : 'the log is damaged', {
        project: this.key,
        revision,
      });
    this.#trouble = trouble;
  }

  #apply(change: Change): void {
    const { operations, touched } = this.#quarantine.admit(change);
    const admitted = { ...change, operations };
    this.#lineage = descended(this.#lineage, change);
    this.#advance(applyChange(this.#state, admitted), touched, admitted);
  }

  #advance(after: ProjectState, touched: readonly ObjectId[], change: Change | undefined): void {
    const before = this.#state;
    this.#state = after;
    this.#recent.add(after, touched, before);
    this.#snapshots.advance(after, touched, this.#quarantine);
    this.#parts.applied({ project: this.key, before, after, ...(change && { change }) });
  }
}

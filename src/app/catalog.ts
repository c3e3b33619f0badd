import type { Change } from '../core/change.ts';
import { FlagError } from '../core/errors.ts';
import type { Snapshot } from '../core/snapshot.ts';
import type { ChangeBus, ChangeNotice } from '../ports/change-bus.ts';
import { type FollowedParts, FollowedProjects } from './followed-projects.ts';
import type { Lineage } from './lineage.ts';
import type { Applied, Trouble } from './live-project.ts';
import { Polling } from './polling.ts';
import { SYSTEM } from './principal.ts';
import { emptyState, type ProjectState } from './project-state.ts';
import type { Problem } from './quarantine.ts';
import type { StateNote } from './state-note.ts';
import type { Touched } from './touched.ts';

export type { Applied } from './live-project.ts';

export interface CatalogParts extends Omit<FollowedParts, 'applied'> {
  readonly bus: ChangeBus;
  /** From 0 up to 1. Default: `Math.random`. */
  readonly random?: () => number;
}

const REACH_MS = 5_000;
/** Whoever has something to serve does not wait longer for a log that does not say that it is away. */
const START_MS = 500;
/** Whoever waits for the log does not wait longer for what cannot be read although the log is there. */
const LOAD_MS = 10_000;

/**
 * What this replica knows: every project at some revision, and each of its environments compiled. It follows the log:
 * notices make it fast, polling makes it right. Readers get immutable states and never wait. What is wrong with one
 * project does not concern the others.
 */
export class Catalog implements AsyncDisposable {
  readonly #parts: CatalogParts;
  readonly #projects: FollowedProjects;
  readonly #listeners = new Set<(applied: Applied) => void>();
  readonly #polling: Polling;
  readonly #loaded = Promise.withResolvers<void>();
  #firstReachedAt: number | undefined;
  #subscription: Disposable | undefined;
  readonly #disposed = new AbortController();

  constructor(parts: CatalogParts) {
    this.#parts = parts;
    const applied = (step: Applied) => {
      for (const listener of this.#listeners) listener(step);
    };
    this.#projects = new FollowedProjects({ ...parts, applied });
    this.#polling = new Polling({ random: Math.random, ...parts }, () => this.#compareAll());
    this.#loaded.promise.catch(() => undefined);
  }

  /**
   * Loads everything and begins to follow the log. If the log is not reached at once it begins with what was saved
   * earlier; without that it waits until the log can be read. Rejects only if it is disposed of before.
   */
  async start(): Promise<void> {
    await this.#projects.restore();
    const hasState = this.#projects.all().length > 0;
    this.#subscription = this.#parts.bus.subscribe((notice) => this.#hear(notice));
    const reaching = this.#polling.start();
    const isReached = hasState ? await this.#soon(reaching) : await reaching;
    const { report } = this.#parts;
    if (hasState && !isReached) report('begins with what was saved, for the log cannot be reached', {});
    if (!hasState && !isReached) report('waits for the log, for nothing was saved', {});
    if (!hasState) await this.#loaded.promise;
  }

  /** Whether the log is reached, as far as that shows in half a second. */
  async #soon(reaching: Promise<boolean>): Promise<boolean> {
    const { promise: late, resolve } = Promise.withResolvers<boolean>();
    using _timer = this.#parts.clock.after(START_MS, () => resolve(false));
    return await Promise.race([reaching, late]);
  }

  /** Every project that exists, archived ones included, in code point order. */
  projects(): readonly ProjectState[] {
    return this.everyState().filter((state) => state.key !== SYSTEM && state.project !== undefined);
  }

  /** The same with the instance's own log and with projects that were deleted. */
  everyState(): readonly ProjectState[] {
    return this.#projects
      .all()
      .map(({ state }) => state)
      .sort((a, b) => (a.key < b.key ? -1 : 1));
  }

  /** Rejects with `not_found` for a project that does not exist or was deleted. The instance's own log always exists. */
  state(project: string): ProjectState {
    const state = this.#projects.known(project)?.live.state;
    if (state === undefined || (state.project === undefined && project !== SYSTEM)) {
      if (project === SYSTEM) return emptyState(SYSTEM);
      throw new FlagError('not_found', `no project ${project}`, {
        reason: 'PROJECT_NOT_FOUND',
        resource: `projects/${project}`,
      });
    }
    return state;
  }

  /** The state of any project, also of one that does not exist any more; undefined if nothing is known of it. */
  known(project: string): ProjectState | undefined {
    return this.#projects.known(project)?.live.state;
  }

  /** An environment, compiled; undefined if it or its project does not exist or is archived. */
  snapshot(project: string, environment: string): Snapshot | undefined {
    return this.#projects.known(project)?.live.snapshot(environment);
  }

  /**
   * The state with everything that the log holds, whether the project exists or not. Rejects with `unavailable` if the
   * log cannot be reached or is not at `minRevision` yet, with `failed_precondition` if the project is in trouble.
   */
  async catchUp(project: string, minRevision = 0): Promise<ProjectState> {
    const isKnown = this.#projects.known(project) !== undefined;
    if (!isKnown && (await this.#parts.log.head(project)) === undefined) return emptyState(project);
    const entry = this.#projects.of(project);
    await entry.rounds.next();
    const { trouble, state } = entry.live;
    if (trouble !== undefined) throw inTrouble(project, trouble);
    if (state.revision < minRevision) throw notReached(minRevision, state.revision);
    return state;
  }

  /** The same, but rejects with `unavailable` after five seconds, whatever the log is doing. */
  async reach(project: string, minRevision: number): Promise<ProjectState> {
    const { promise: late, reject } = Promise.withResolvers<never>();
    const reached = this.#projects.known(project)?.live.state.revision ?? 0;
    using _timer = this.#parts.clock.after(REACH_MS, () => reject(notReached(minRevision, reached)));
    return await Promise.race([this.catchUp(project, minRevision), late]);
  }

  /** Compares everything with the log, beginning after this call. Resolves to whether the log was reached. */
  refresh(): Promise<boolean> {
    return this.#polling.now();
  }

  /** Applies a change that was just committed here, and was begun at that moment. False: it was left to the log. */
  apply(change: Change, startedAt: number): boolean {
    return this.#projects.of(change.project).live.commit(change, startedAt);
  }

  /** Calls `listener` right after each step of a project, in order, until disposed. It must not throw. */
  subscribe(listener: (applied: Applied) => void): Disposable {
    this.#listeners.add(listener);
    return { [Symbol.dispose]: () => void this.#listeners.delete(listener) };
  }

  /**
   * An upper bound, in milliseconds, on how old what is known of a project may be: everything that was acknowledged
   * longer ago is reflected.
   */
  stalenessMs(project: string): number {
    return this.#projects.of(project).live.stalenessMs();
  }

  /** The same for everything that this replica knows, but for projects in trouble. */
  stalestMs(): number {
    const followed = this.#projects.all().filter(({ trouble }) => trouble === undefined);
    // What was restored has an age as well: then that of the instance's own log was noted with each look at all heads.
    const isRestored = this.#firstReachedAt === undefined && this.#projects.known(SYSTEM) !== undefined;
    const youngest = isRestored ? 0 : this.silenceMs();
    return followed.reduce((stalest, live) => Math.max(stalest, live.stalenessMs()), youngest);
  }

  /** Milliseconds since the log was last reached. */
  silenceMs(): number {
    return Math.max(0, this.#parts.clock.monotonic() - this.#polling.reachedAt);
  }

  /** Whether the log was reached when it was last tried. */
  get isReachable(): boolean {
    return this.#polling.isReachable;
  }

  /**
   * What an environment has to look at again after changes `after < revision <= upTo`; undefined if nobody can say at
   * the moment.
   */
  touched(
    project: string,
    environment: string,
    after: number,
    upTo: number,
  ): Touched | undefined | Promise<Touched | undefined> {
    return this.#projects.of(project).live.touched(environment, after, upTo);
  }

  /** The hash of the change that made a revision; undefined if there is none that is known, empty for revision 0. */
  hashAt(project: string, revision: number): Promise<string | undefined> {
    return this.#projects.of(project).live.hashAt(revision);
  }

  /** What tells the project's history from another. */
  lineage(project: string): Lineage {
    return this.#projects.of(project).live.lineage;
  }

  /** The hash of the project's first change: the same for ever and on every replica; empty if there is none. */
  genesis(project: string): string {
    return this.#projects.known(project)?.live.lineage.genesis ?? '';
  }

  /** Another number means that the project was read anew, and what was known of it may have been another history. */
  epoch(project: string): number {
    return this.#projects.known(project)?.epoch ?? 0;
  }

  /** What is to be kept with the state of a project. */
  note(project: string): StateNote {
    return this.#projects.of(project).live.note();
  }

  /** Whether a newer build has made changes to a project that this one cannot read. */
  isTooNew(project: string): boolean {
    return this.#projects.known(project)?.live.isTooNew ?? false;
  }

  /** What could not be understood, and what is served instead of each. */
  problems(): readonly (Problem & { readonly project: string })[] {
    return this.#projects
      .all()
      .flatMap((live) => live.problems().map((problem) => ({ ...problem, project: live.key })));
  }

  /** Projects that are served as they last were, and why. */
  troubles(): readonly { readonly project: string; readonly trouble: Trouble }[] {
    return this.#projects
      .all()
      .flatMap(({ key, trouble }) => (trouble === undefined ? [] : [{ project: key, trouble }]));
  }

  /** Why a project is served as it last was; undefined if it is not. */
  troubleOf(project: string): Trouble | undefined {
    return this.#projects.known(project)?.live.trouble;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#disposed.abort();
    this.#loaded.reject(new FlagError('unavailable', 'this replica is stopping', { reason: 'STOPPING' }));
    this.#subscription?.[Symbol.dispose]();
    await this.#polling[Symbol.asyncDispose]();
  }

  #hear({ change, project, revision, hash }: ChangeNotice): void {
    const live = this.#projects.known(project)?.live;
    if (live === undefined || live.trouble !== undefined) void this.#polling.now();
    else if (revision > live.state.revision)
      void this.#projects.hear(live, revision, change?.hash === hash ? change : undefined);
    else if (revision === live.state.revision && hash !== live.state.hash) void this.#polling.now();
  }

  async #compareAll(): Promise<number> {
    const startedAt = this.#parts.clock.monotonic();
    const heads = await this.#parts.log.heads();
    this.#firstReachedAt ??= startedAt;
    const isComplete = await this.#projects.compareAll(heads, startedAt, this.#disposed.signal);
    if (isComplete || startedAt - this.#firstReachedAt > LOAD_MS) this.#loaded.resolve();
    return startedAt;
  }
}

function inTrouble(project: string, trouble: Trouble): FlagError {
  const what = trouble === 'forked' ? 'was rewritten' : 'is damaged';
  return new FlagError('failed_precondition', `the log of project ${project} ${what}`, {
    reason: `LOG_${trouble.toUpperCase()}`,
  });
}

function notReached(revision: number, reached: number): FlagError {
  return new FlagError('unavailable', `revision ${revision} is not here yet`, {
    reason: 'REVISION_NOT_REACHED',
    retryAfterMs: 100,
    metadata: { revision: String(reached) },
  });
}

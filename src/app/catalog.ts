import type { Change, ObjectId, Operation } from '../core/change.ts';
import { FlagError } from '../core/errors.ts';
import type { Snapshot } from '../core/snapshot.ts';
import type { ChangeBus, ChangeNotice } from '../ports/change-bus.ts';
import type { ChangeLog } from '../ports/change-log.ts';
import type { Clock } from '../ports/clock.ts';
import type { Projection } from '../ports/projection.ts';
import { hashOf } from './change-hash.ts';
import { EnvironmentSnapshots } from './environment-snapshot.ts';
import { SYSTEM } from './principal.ts';
import { applyChange, emptyState, type ProjectState } from './project-state.ts';
import { type Problem, Quarantine } from './quarantine.ts';
import { restoreState } from './restore-state.ts';
import { RecentChanges, touchedInLog } from './touched.ts';

/** A change, and the project before and after it. */
export interface Applied {
  readonly project: string;
  readonly change: Change;
  readonly before: ProjectState;
  readonly after: ProjectState;
}

export interface CatalogParts {
  readonly log: ChangeLog;
  readonly bus: ChangeBus;
  readonly projection: Projection;
  readonly clock: Clock;
  /** Hears of what is wrong but does not stop anything. */
  readonly report: (problem: string, details: Readonly<Record<string, unknown>>) => void;
}

interface Live {
  state: ProjectState;
  readonly snapshots: EnvironmentSnapshots;
  readonly quarantine: Quarantine;
  readonly recent: RecentChanges;
  genesis: string;
  /** The log contradicts what was applied: nothing is written any more. */
  forked: boolean;
  fetching: Promise<void> | undefined;
}

const PAGE = 500;
const POLL_MS = 2_000;
const POLL_DISCONNECTED_MS = 500;

/**
 * What this replica knows: every project at some revision, and each of its environments compiled. It follows the log:
 * notices make it fast, polling makes it right. Readers get immutable states and never wait.
 */
export class Catalog implements AsyncDisposable {
  readonly #parts: CatalogParts;
  readonly #projects = new Map<string, Live>();
  readonly #listeners = new Set<(applied: Applied) => void>();
  #subscription: Disposable | undefined;
  #poll: Disposable | undefined;
  #verifiedAt = Number.NEGATIVE_INFINITY;
  #disposed = false;

  constructor(parts: CatalogParts) {
    this.#parts = parts;
  }

  /** Loads everything and begins to follow the log. Rejects with `unavailable` if the log cannot be read. */
  async start(): Promise<void> {
    this.#subscription = this.#parts.bus.subscribe((notice) => this.#hear(notice));
    await this.#verify();
    this.#schedulePoll();
  }

  /** Every project that exists, archived ones included, in code point order. */
  projects(): readonly ProjectState[] {
    return this.everyState().filter((state) => state.key !== SYSTEM && state.project !== undefined);
  }

  /** The same with the instance's own log and with projects that were deleted. */
  everyState(): readonly ProjectState[] {
    return [...this.#projects.values()].map((live) => live.state).sort((a, b) => (a.key < b.key ? -1 : 1));
  }

  /** Rejects with `not_found` for a project that does not exist or was deleted. The instance's own log always exists. */
  state(project: string): ProjectState {
    const state = this.#projects.get(project)?.state;
    if (state === undefined || (state.project === undefined && project !== SYSTEM)) {
      if (project === SYSTEM) return emptyState(SYSTEM);
      throw new FlagError('not_found', `no project ${project}`, {
        reason: 'PROJECT_NOT_FOUND',
        resource: `projects/${project}`,
      });
    }
    return state;
  }

  /** An environment, compiled; undefined if it or its project does not exist or is archived. */
  snapshot(project: string, environment: string): Snapshot | undefined {
    return this.#projects.get(project)?.snapshots.get(environment);
  }

  /**
   * The state with everything that the log holds, whether the project exists or not. Rejects with `unavailable` if the
   * log cannot be read or does not reach `minRevision`, with `failed_precondition` if the project is forked.
   */
  async catchUp(project: string, minRevision = 0): Promise<ProjectState> {
    const head = await this.#parts.log.head(project);
    const known = this.#projects.get(project)?.state ?? emptyState(project);
    if (known.revision !== (head?.revision ?? 0) || known.hash !== (head?.hash ?? ''))
      await this.#fetch(project);
    const live = this.#projects.get(project);
    if (live?.forked)
      throw new FlagError('failed_precondition', `the log of project ${project} was rewritten`, {
        reason: 'FORKED',
      });
    const state = live?.state ?? emptyState(project);
    if (state.revision < minRevision)
      throw new FlagError('unavailable', `revision ${minRevision} is not here yet`, {
        reason: 'REVISION_NOT_REACHED',
        retryAfterMs: 100,
        metadata: { revision: String(state.revision) },
      });
    return state;
  }

  /** Applies a change that was just committed here. False: it is not the next one, and was left to the log. */
  apply(change: Change): boolean {
    const live = this.#live(change.project);
    const { revision, hash } = live.state;
    if (change.revision !== revision + 1 || change.previousHash !== hash) return false;
    this.#apply(live, change);
    return true;
  }

  /** Calls `listener` right after each change is applied, in order, until disposed. It must not throw. */
  subscribe(listener: (applied: Applied) => void): Disposable {
    this.#listeners.add(listener);
    return { [Symbol.dispose]: () => void this.#listeners.delete(listener) };
  }

  /** Milliseconds since the start of the last comparison with the log that found this replica up to date. */
  stalenessMs(): number {
    return Math.max(0, Math.round(this.#parts.clock.monotonic() - this.#verifiedAt));
  }

  /** The ids that changes `after < revision <= upTo` touched. Rejects with `unavailable` if the log cannot be read. */
  async touchedBetween(project: string, after: number, upTo: number): Promise<readonly ObjectId[]> {
    if (after >= upTo) return [];
    return (
      this.#live(project).recent.between(after, upTo) ?? touchedInLog(this.#parts.log, project, after, upTo)
    );
  }

  /** The hash of the change that made a revision; undefined if there is none, empty for revision 0. */
  async hashAt(project: string, revision: number): Promise<string | undefined> {
    const live = this.#live(project);
    if (revision === 0) return '';
    if (revision === live.state.revision) return live.state.hash;
    const recent = live.recent.hashAt(revision);
    if (recent !== undefined) return recent;
    const [change] = await this.#parts.log.read(project, revision - 1, 1);
    return change?.hash;
  }

  /** The hash of the project's first change: the same for ever and on every replica; empty if there is none. */
  genesis(project: string): string {
    return this.#projects.get(project)?.genesis ?? '';
  }

  /** Objects that could not be understood, and what is served instead of each. */
  problems(): readonly (Problem & { readonly project: string })[] {
    return [...this.#projects].flatMap(([project, live]) =>
      live.quarantine.problems().map((problem) => ({ ...problem, project })),
    );
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#disposed = true;
    this.#subscription?.[Symbol.dispose]();
    this.#poll?.[Symbol.dispose]();
    await Promise.allSettled([...this.#projects.values()].map((live) => live.fetching));
  }

  #live(project: string): Live {
    let live = this.#projects.get(project);
    if (live === undefined) {
      live = {
        state: emptyState(project),
        snapshots: new EnvironmentSnapshots(),
        quarantine: new Quarantine(),
        recent: new RecentChanges(),
        genesis: '',
        forked: false,
        fetching: undefined,
      };
      this.#projects.set(project, live);
    }
    return live;
  }

  #apply(live: Live, change: Change, operations: readonly Operation[] = change.operations): void {
    const before = live.state;
    const after = applyChange(before, { ...change, operations });
    live.state = after;
    if (change.revision === 1) live.genesis = change.hash;
    live.recent.add(change);
    live.snapshots.advance(after, change.operations, live.quarantine);
    for (const listener of this.#listeners) listener({ project: change.project, change, before, after });
  }

  #hear(notice: ChangeNotice): void {
    const { change } = notice;
    const revision = this.#projects.get(notice.project)?.state.revision ?? 0;
    if (notice.revision <= revision) return;
    if (change !== undefined && change.revision === notice.revision && hashOf(change) === notice.hash) {
      const live = this.#live(notice.project);
      if (change.revision === revision + 1 && change.previousHash === live.state.hash) {
        this.#apply(live, change, live.quarantine.admit(change));
        return;
      }
    }
    void this.#fetch(notice.project).catch((error: unknown) =>
      this.#parts.report('cannot read the log', { project: notice.project, error }),
    );
  }

  /** Applies what the log has beyond our revision; calls at the same time share one run. */
  #fetch(project: string): Promise<void> {
    const live = this.#live(project);
    live.fetching ??= this.#readOn(live, project).finally(() => {
      live.fetching = undefined;
    });
    return live.fetching;
  }

  async #readOn(live: Live, project: string): Promise<void> {
    if (live.state.revision === 0) await this.#restore(live, project);
    for (;;) {
      const changes = await this.#parts.log.read(project, live.state.revision, PAGE);
      for (const change of changes) {
        if (change.revision <= live.state.revision) continue;
        if (change.previousHash !== live.state.hash || hashOf(change) !== change.hash)
          return this.#fork(live, project, change.revision);
        this.#apply(live, change, live.quarantine.admit(change));
      }
      if (changes.length === 0) break;
    }
    // Taken first: while the head is being asked for, a commit of our own may go on from here.
    const { revision, hash } = live.state;
    const head = await this.#parts.log.head(project);
    if (
      head === undefined
        ? revision > 0
        : head.revision < revision || (head.revision === revision && head.hash !== hash)
    )
      this.#fork(live, project, revision);
  }

  #fork(live: Live, project: string, revision: number): void {
    if (!live.forked) this.#parts.report('the log was rewritten', { project, revision });
    live.forked = true;
  }

  /** Starts from the projection, if it is of this very history. */
  async #restore(live: Live, project: string): Promise<void> {
    const restored = await restoreState(this.#parts.projection, this.#parts.log, project);
    if (restored === undefined || live.state.revision > 0) return;
    live.state = restored.state;
    live.genesis = restored.genesis;
    live.snapshots.rebuild(restored.state, live.quarantine);
  }

  /** Compares every project with the log, and fetches what is missing. */
  async #verify(): Promise<void> {
    const startedAt = this.#parts.clock.monotonic();
    const heads = await this.#parts.log.heads();
    for (const { project, revision, hash } of heads) {
      const state = this.#projects.get(project)?.state;
      if (state?.revision !== revision || state.hash !== hash) await this.#fetch(project);
    }
    const forked = [...this.#projects.values()].some((live) => live.forked);
    if (!forked) this.#verifiedAt = startedAt;
  }

  #schedulePoll(): void {
    if (this.#disposed) return;
    const delayMs = this.#parts.bus.connected() ? POLL_MS : POLL_DISCONNECTED_MS;
    this.#poll = this.#parts.clock.after(delayMs, () => {
      this.#verify()
        .catch((error: unknown) => this.#parts.report('cannot compare with the log', { error }))
        .finally(() => this.#schedulePoll());
    });
  }
}

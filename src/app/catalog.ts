import type { Change } from '../core/change.ts';
import { FlagError } from '../core/errors.ts';
import type { Snapshot } from '../core/snapshot.ts';
import type { ChangeBus, ChangeNotice } from '../ports/change-bus.ts';
import { hashOf } from './change-hash.ts';
import { type Applied, type LiveParts, LiveProject, type Trouble } from './live-project.ts';
import { SYSTEM } from './principal.ts';
import { emptyState, type ProjectState } from './project-state.ts';
import type { Problem } from './quarantine.ts';
import type { Touched } from './touched.ts';

export type { Applied } from './live-project.ts';

export interface CatalogParts extends Omit<LiveParts, 'applied'> {
  readonly bus: ChangeBus;
}

const POLL_MS = 2_000;
const POLL_DISCONNECTED_MS = 500;

/**
 * What this replica knows: every project at some revision, and each of its environments compiled. It follows the log:
 * notices make it fast, polling makes it right. Readers get immutable states and never wait. What is wrong with one
 * project does not concern the others.
 */
export class Catalog implements AsyncDisposable {
  readonly #parts: CatalogParts;
  readonly #projects = new Map<string, LiveProject>();
  readonly #listeners = new Set<(applied: Applied) => void>();
  #subscription: Disposable | undefined;
  #reconnection: Disposable | undefined;
  #poll: Disposable | undefined;
  #reachedAt = Number.NEGATIVE_INFINITY;
  #verifying: Promise<void> = Promise.resolve();
  #disposed = false;

  constructor(parts: CatalogParts) {
    this.#parts = parts;
  }

  /** Loads everything and begins to follow the log. Rejects with `unavailable` if the log cannot be reached. */
  async start(): Promise<void> {
    const { bus } = this.#parts;
    this.#subscription = bus.subscribe((notice) => this.#hear(notice));
    const first = this.#verify();
    this.#verifying = first.catch(() => undefined);
    this.#reconnection = bus.onConnected(() => this.#look());
    await first;
    this.#schedulePoll();
  }

  /** Every project that exists, archived ones included, in code point order. */
  projects(): readonly ProjectState[] {
    return this.everyState().filter((state) => state.key !== SYSTEM && state.project !== undefined);
  }

  /** The same with the instance's own log and with projects that were deleted. */
  everyState(): readonly ProjectState[] {
    return [...this.#projects.values()].map(({ state }) => state).sort((a, b) => (a.key < b.key ? -1 : 1));
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
    return this.#projects.get(project)?.snapshot(environment);
  }

  /**
   * The state with everything that the log holds, whether the project exists or not. Rejects with `unavailable` if the
   * log cannot be reached or is not at `minRevision` yet, with `failed_precondition` if the project is in trouble.
   */
  async catchUp(project: string, minRevision = 0): Promise<ProjectState> {
    const startedAt = this.#parts.clock.monotonic();
    const head = await this.#parts.log.head(project);
    const known = this.#projects.get(project);
    if (head === undefined && known === undefined) return emptyState(project);
    const live = known ?? this.#live(project);
    await live.compare(head, startedAt);
    if (live.trouble !== undefined) throw inTrouble(project, live.trouble);
    if (live.state.revision < minRevision)
      throw new FlagError('unavailable', `revision ${minRevision} is not here yet`, {
        reason: 'REVISION_NOT_REACHED',
        retryAfterMs: 100,
        metadata: { revision: String(live.state.revision) },
      });
    return live.state;
  }

  /** Applies a change that was just committed here. False: it is not the next one, and was left to the log. */
  apply(change: Change): boolean {
    return this.#live(change.project).commit(change);
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
    return this.#live(project).stalenessMs();
  }

  /** Milliseconds since the log was last reached. */
  silenceMs(): number {
    return Math.max(0, this.#parts.clock.monotonic() - this.#reachedAt);
  }

  /** What an environment has to look at again after changes `after < revision <= upTo`. */
  touched(project: string, environment: string, after: number, upTo: number): Touched | Promise<Touched> {
    return this.#live(project).touched(environment, after, upTo);
  }

  /** The hash of the change that made a revision; undefined if there is none, empty for revision 0. */
  hashAt(project: string, revision: number): Promise<string | undefined> {
    return this.#live(project).hashAt(revision);
  }

  /** The hash of the project's first change: the same for ever and on every replica; empty if there is none. */
  genesis(project: string): string {
    return this.#projects.get(project)?.genesis ?? '';
  }

  /** Objects that could not be understood, and what is served instead of each. */
  problems(): readonly (Problem & { readonly project: string })[] {
    return [...this.#projects.values()].flatMap((live) =>
      live.problems().map((problem) => ({ ...problem, project: live.key })),
    );
  }

  /** Projects that are served as they last were, and why. */
  troubles(): readonly { readonly project: string; readonly trouble: Trouble }[] {
    return [...this.#projects.values()].flatMap(({ key, trouble }) =>
      trouble === undefined ? [] : [{ project: key, trouble }],
    );
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#disposed = true;
    this.#subscription?.[Symbol.dispose]();
    this.#reconnection?.[Symbol.dispose]();
    this.#poll?.[Symbol.dispose]();
    await this.#verifying;
  }

  #live(project: string): LiveProject {
    let live = this.#projects.get(project);
    if (live === undefined) {
      const applied = (step: Applied) => {
        for (const listener of this.#listeners) listener(step);
      };
      live = new LiveProject(project, { ...this.#parts, applied });
      this.#projects.set(project, live);
    }
    return live;
  }

  #hear(notice: ChangeNotice): void {
    const { change, project } = notice;
    if (notice.revision <= (this.#projects.get(project)?.state.revision ?? 0)) return;
    const live = this.#live(project);
    const isWhole = change !== undefined && change.project === project && hashOf(change) === notice.hash;
    if (isWhole && live.offer(change)) return;
    live.fetch().catch((error: unknown) => this.#parts.report('cannot read the log', { project, error }));
  }

  /** Compares every project with the log. Rejects if the log cannot be reached at all. */
  async #verify(): Promise<void> {
    const startedAt = this.#parts.clock.monotonic();
    const heads = new Map((await this.#parts.log.heads()).map((head) => [head.project, head]));
    this.#reachedAt = startedAt;
    for (const project of new Set([...heads.keys(), ...this.#projects.keys()])) {
      if (this.#disposed) return;
      await this.#live(project)
        .compare(heads.get(project), startedAt)
        .catch((error: unknown) => this.#parts.report('cannot read the log', { project, error }));
    }
  }

  #schedulePoll(): void {
    this.#poll?.[Symbol.dispose]();
    if (this.#disposed) return;
    const delayMs = this.#parts.bus.connected() ? POLL_MS : POLL_DISCONNECTED_MS;
    this.#poll = this.#parts.clock.after(delayMs, () => this.#look());
  }

  /** Compares with the log now, or once more when the comparison that runs has come to its end. */
  #look(): void {
    if (this.#disposed) return;
    this.#poll?.[Symbol.dispose]();
    this.#verifying = this.#verifying
      .then(() => this.#verify())
      .catch((error: unknown) => this.#parts.report('cannot reach the log', { error }))
      .finally(() => this.#schedulePoll());
  }
}

function inTrouble(project: string, trouble: Trouble): FlagError {
  const what = trouble === 'forked' ? 'was rewritten' : 'is damaged';
  return new FlagError('failed_precondition', `the log of project ${project} ${what}`, {
    reason: `LOG_${trouble.toUpperCase()}`,
  });
}

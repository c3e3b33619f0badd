import type { Operation } from '../core/change.ts';
import type { Clock } from '../ports/clock.ts';
import type { Position, Projection } from '../ports/projection.ts';
import type { Catalog } from './catalog.ts';
import { objectsOf, type ProjectState } from './project-state.ts';

const DELAY_MS = 1_000;
const RETRY_MS = 5_000;
const NOWHERE: Position = { revision: 0, hash: '' };

interface Step {
  readonly from: Position;
  readonly to: Position;
  readonly operations: readonly Operation[];
}

export interface ProjectorParts {
  readonly catalog: Catalog;
  readonly projection: Projection;
  readonly clock: Clock;
  readonly report: (problem: string, details: Readonly<Record<string, unknown>>) => void;
  /** Repairs what is damaged or behind at the start, and what could not be saved. Default: leaves it to the next change. */
  readonly repairs?: boolean;
}

/**
 * Brings the projection after the catalog, a little later, so that no writer waits for it. Any number of replicas may
 * do so with one projection: who comes second finds it done.
 */
export class Projector implements AsyncDisposable {
  readonly #parts: ProjectorParts;
  readonly #subscription: Disposable;
  readonly #backlogs = new Map<string, Step[]>();
  readonly #unseen = new Set<string>();
  #timer: Disposable | undefined;
  #flushing: Promise<void> = Promise.resolve();
  #disposed = false;

  constructor(parts: ProjectorParts) {
    this.#parts = parts;
    this.#subscription = parts.catalog.subscribe(({ project, change, before }) => {
      if (change === undefined) return;
      const backlog = this.#backlogs.get(project) ?? [];
      this.#backlogs.set(project, backlog);
      backlog.push({ from: positionOf(before), to: positionOf(change), operations: change.operations });
      this.#soon();
    });
    if (!parts.repairs) return;
    for (const { key } of parts.catalog.everyState()) this.#unseen.add(key);
    this.#soon();
  }

  /** Resolves once the projection holds what the catalog held at the call. A failure is reported and made up later. */
  flush(): Promise<void> {
    this.#flushing = this.#flushing.then(() => this.#flush());
    return this.#flushing;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#disposed = true;
    this.#subscription[Symbol.dispose]();
    this.#timer?.[Symbol.dispose]();
    await this.flush();
  }

  #soon(delayMs = DELAY_MS): void {
    if (this.#disposed) return;
    this.#timer ??= this.#parts.clock.after(delayMs, () => {
      this.#timer = undefined;
      void this.flush();
    });
  }

  async #flush(): Promise<void> {
    const { catalog, report, repairs } = this.#parts;
    for (const project of new Set([...this.#unseen, ...this.#backlogs.keys()])) {
      const backlog = this.#backlogs.get(project) ?? [];
      this.#backlogs.delete(project);
      const state = catalog.everyState().find(({ key }) => key === project);
      // What is not understood is not in the state: only the log can tell, after a restart, that it was there.
      if (state === undefined || catalog.problems().some((problem) => problem.project === project)) continue;
      const isDone = await this.#save(state, backlog).catch((error: unknown) => {
        report('cannot save the projection', { project, error });
        if (repairs) this.#again(project);
        return true;
      });
      if (!isDone) this.#putBack(project, backlog);
    }
  }

  /** For when whoever is writing now has done it, or died. */
  #putBack(project: string, backlog: readonly Step[]): void {
    this.#backlogs.set(project, [...backlog, ...(this.#backlogs.get(project) ?? [])]);
    this.#soon();
  }

  #again(project: string): void {
    this.#unseen.add(project);
    this.#soon(RETRY_MS);
  }

  /** False: somebody else is at it. */
  async #save(state: ProjectState, backlog: readonly Step[]): Promise<boolean> {
    const { projection } = this.#parts;
    const isNew = this.#unseen.delete(state.key);
    const at = isNew ? await projection.load(state.key) : await projection.at(state.key);
    if (await this.#covers(at, state)) return true;
    const next = backlog.findIndex(({ from }) => isSame(from, at ?? NOWHERE));
    if (next === -1) {
      await this.#replace(state);
      return true;
    }
    for (const { from, to, operations } of backlog.slice(next))
      if (!(await projection.apply(state.key, from, to, operations))) return false;
    return true;
  }

  /** Whether this is the state, or a later one of the same history: then another replica was faster. */
  async #covers(at: Position | undefined, { key, revision, hash }: ProjectState): Promise<boolean> {
    if (at === undefined || at.revision < revision) return false;
    return at.hash === (at.revision === revision ? hash : await this.#parts.catalog.hashAt(key, at.revision));
  }

  async #replace(state: ProjectState): Promise<void> {
    const objects = [...objectsOf(state)].map(({ state: object, version }) => ({ object, version }));
    await this.#parts.projection.reset(state.key, positionOf(state), objects);
  }
}

function isSame(a: Position, b: Position): boolean {
  return a.revision === b.revision && a.hash === b.hash;
}

function positionOf({ revision, hash }: Position): Position {
  return { revision, hash };
}

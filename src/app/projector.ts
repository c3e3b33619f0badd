import type { Operation } from '../core/change.ts';
import type { Clock } from '../ports/clock.ts';
import type { Position, Projection } from '../ports/projection.ts';
import type { Catalog } from './catalog.ts';
import { objectsOf, type ProjectState } from './project-state.ts';

const DELAY_MS = 1_000;

interface Step {
  readonly from: Position;
  readonly to: Position;
  readonly operations: readonly Operation[];
}

/** Brings the projection after the catalog, a little later, so that no writer waits for it. */
export class Projector implements AsyncDisposable {
  readonly #catalog: Catalog;
  readonly #projection: Projection;
  readonly #clock: Clock;
  readonly #report: (problem: string, details: Readonly<Record<string, unknown>>) => void;
  readonly #subscription: Disposable;
  readonly #backlogs = new Map<string, Step[]>();
  #timer: Disposable | undefined;
  #flushing: Promise<void> = Promise.resolve();

  constructor(parts: {
    catalog: Catalog;
    projection: Projection;
    clock: Clock;
    report: (problem: string, details: Readonly<Record<string, unknown>>) => void;
  }) {
    this.#catalog = parts.catalog;
    this.#projection = parts.projection;
    this.#clock = parts.clock;
    this.#report = parts.report;
    this.#subscription = this.#catalog.subscribe(({ project, change, before }) => {
      if (change === undefined) return;
      const backlog = this.#backlogs.get(project) ?? [];
      this.#backlogs.set(project, backlog);
      backlog.push({ from: positionOf(before), to: positionOf(change), operations: change.operations });
      this.#timer ??= this.#clock.after(DELAY_MS, () => {
        this.#timer = undefined;
        void this.flush();
      });
    });
  }

  /** Resolves once the projection holds what the catalog held at the call. A failure is reported and made up later. */
  flush(): Promise<void> {
    this.#flushing = this.#flushing.then(() => this.#flush());
    return this.#flushing;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#subscription[Symbol.dispose]();
    this.#timer?.[Symbol.dispose]();
    await this.flush();
  }

  async #flush(): Promise<void> {
    const backlogs = [...this.#backlogs];
    this.#backlogs.clear();
    for (const [project, backlog] of backlogs) {
      const state = this.#catalog.everyState().find(({ key }) => key === project);
      // What is not understood is not in the state: only the log can tell, after a restart, that it was there.
      if (state === undefined || this.#catalog.problems().some((problem) => problem.project === project))
        continue;
      await this.#save(state, backlog).catch((error: unknown) =>
        this.#report('cannot save the projection', { project, error }),
      );
    }
  }

  async #save(state: ProjectState, backlog: readonly Step[]): Promise<void> {
    for (const { from, to, operations } of backlog)
      if (!(await this.#projection.apply(state.key, from, to, operations))) return this.#replace(state);
  }

  async #replace(state: ProjectState): Promise<void> {
    const objects = [...objectsOf(state)].map(({ state: object, version }) => ({ object, version }));
    await this.#projection.reset(state.key, positionOf(state), objects);
  }
}

function positionOf({ revision, hash }: Position): Position {
  return { revision, hash };
}

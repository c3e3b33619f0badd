import type { Operation } from '../core/change.ts';
import { FlagError } from '../core/errors.ts';
import type { Instant } from '../core/model.ts';
import type { Clock } from '../ports/clock.ts';
import type { NotedPosition, Position, Projection } from '../ports/projection.ts';
import type { Catalog } from './catalog.ts';
import { Complaints } from './complaints.ts';
import { objectsOf, type ProjectState } from './project-state.ts';
import type { Report } from './quarantine.ts';
import { noteText } from './state-note.ts';

const DELAY_MS = 1_000;
const RETRY_MS = 5_000;
const NOTE_EVERY_MS = 30_000;
const FAILED = 'cannot save the projection';
const NOWHERE: Position = { revision: 0, hash: '' };

interface Step {
  readonly from: Position;
  readonly to: Moment;
  readonly operations: readonly Operation[];
}

/** A position, and when the change that made it was made. */
type Moment = Position & { readonly time: Instant };

export interface ProjectorParts {
  readonly catalog: Catalog;
  readonly projection: Projection;
  readonly clock: Clock;
  readonly report: Report;
  /** Repairs what is damaged or behind at the start, and what could not be saved. Default: leaves it to the next change. */
  readonly repairs?: boolean;
  /**
   * It is this replica's own, to start from when nobody can be asked: what has to be known for that is noted there, and
   * every half minute how new it is. It has to be there, so it is repaired too. Default: false.
   */
  readonly notes?: boolean;
}

/**
 * Brings the projection after the catalog, a little later, so that no writer waits for it. Any number of replicas may
 * do so with one projection: who comes second finds it done.
 */
export class Projector implements AsyncDisposable {
  readonly #parts: ProjectorParts;
  readonly #subscription: Disposable;
  readonly #complaints: Complaints;
  readonly #backlogs = new Map<string, Step[]>();
  readonly #unseen = new Set<string>();
  #timer: Disposable | undefined;
  #noting: Disposable | undefined;
  #flushing: Promise<void> = Promise.resolve();
  #disposed = false;

  constructor(parts: ProjectorParts) {
    this.#parts = parts;
    this.#complaints = new Complaints(parts.clock, parts.report);
    this.#subscription = parts.catalog.subscribe(({ project, change, before, after }) => {
      const backlog = this.#backlogs.get(project) ?? [];
      this.#backlogs.set(project, backlog);
      if (change === undefined) this.#unseen.add(project);
      else backlog.push({ from: positionOf(before), to: after, operations: change.operations });
      this.#soon();
    });
    if (parts.notes) this.#noteLater();
    if (!this.#repairs) return;
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
    this.#noting?.[Symbol.dispose]();
    await this.flush();
    if (this.#parts.notes) await this.#note();
  }

  get #repairs(): boolean {
    return this.#parts.repairs === true || this.#parts.notes === true;
  }

  #soon(delayMs = DELAY_MS): void {
    if (this.#disposed) return;
    this.#timer ??= this.#parts.clock.after(delayMs, () => {
      this.#timer = undefined;
      void this.flush();
    });
  }

  async #flush(): Promise<void> {
    const { catalog, notes } = this.#parts;
    let isAway = false;
    for (const project of new Set([...this.#unseen, ...this.#backlogs.keys()])) {
      // Whoever waits for each in vain does not come to its end in time.
      if (isAway) {
        this.#soon(RETRY_MS);
        break;
      }
      const backlog = this.#backlogs.get(project) ?? [];
      this.#backlogs.delete(project);
      const state = catalog.known(project);
      // What is not understood is not in the state: without a note only the log can tell that it was there.
      const isInPart = catalog.problems().some((problem) => problem.project === project);
      if (state === undefined || (isInPart && !notes)) continue;
      const isDone = await this.#save(state, backlog).catch((error: unknown) => {
        this.#complaints.make(FAILED, project, { project, error });
        if (this.#repairs) this.#again(project);
        isAway = error instanceof FlagError && error.details.reason === 'STORE_UNREACHABLE';
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
      if (!(await projection.apply(state.key, from, this.#noted(state.key, to), operations))) return false;
    return true;
  }

  /** Whether this is the state, or a later one of the same history: then another replica was faster. */
  async #covers(at: Position | undefined, { key, revision, hash }: ProjectState): Promise<boolean> {
    if (at === undefined || at.revision < revision) return false;
    return at.hash === (at.revision === revision ? hash : await this.#parts.catalog.hashAt(key, at.revision));
  }

  async #replace(state: ProjectState): Promise<void> {
    const objects = [...objectsOf(state)].map(({ state: object, version }) => ({ object, version }));
    await this.#parts.projection.reset(state.key, this.#noted(state.key, state), objects);
  }

  /** A position with what has to be known of the state there: how new it is only if it is the one that is served. */
  #noted(project: string, { time, ...at }: Moment): NotedPosition {
    const { catalog, notes } = this.#parts;
    const position = positionOf(at);
    if (!notes) return position;
    const { verifiedAt, ...note } = catalog.note(project);
    const served = catalog.known(project);
    const isServed = served !== undefined && isSame(served, position);
    const age = isServed && verifiedAt !== undefined ? { verifiedAt } : {};
    return { ...position, note: noteText({ ...note, time, ...age }) };
  }

  #noteLater(): void {
    this.#noting = this.#parts.clock.after(NOTE_EVERY_MS, () => {
      this.#flushing = this.#flushing.then(() => this.#note());
      this.#noteLater();
    });
  }

  /** Notes how new each state is that is here as it is served. */
  async #note(): Promise<void> {
    const { catalog, projection } = this.#parts;
    for (const state of catalog.everyState()) {
      if (state.revision === 0) continue;
      const noted = this.#noted(state.key, state);
      await projection
        .apply(state.key, positionOf(state), noted, [])
        .catch((error: unknown) => this.#complaints.make(FAILED, state.key, { project: state.key, error }));
    }
  }
}

function isSame(a: Position, b: Position): boolean {
  return a.revision === b.revision && a.hash === b.hash;
}

function positionOf({ revision, hash }: Position): Position {
  return { revision, hash };
}

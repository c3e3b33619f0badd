import { setImmediate as nextTurn } from 'node:timers/promises';
import { idOf, idString, type ObjectState } from '../core/change.ts';
import { damaged } from '../core/change-text.ts';
import { FlagError } from '../core/errors.ts';
import type { ChangeLog } from '../ports/change-log.ts';
import type { Position } from '../ports/projection.ts';
import { positionAfter, readNext } from './log-reader.ts';
import { emptyState, objectsOf, type ProjectState, stateOf } from './project-state.ts';
import { Quarantine } from './quarantine.ts';

const KEPT = 8;
const PAGE = 100;
const MAX_WAITING = 16;
const RETRY_AFTER_MS = 1_000;

/**
 * What projects were like at earlier revisions, made from the log again. What is not understood is as it last was, as
 * it was served then. A few states are kept to start from.
 */
export class PastStates {
  readonly #log: ChangeLog;
  /** The most recently used last. */
  readonly #kept = new Map<string, ProjectState>();
  /** Who waits for a state of each project, and for whom the last of them waits. */
  readonly #queues = new Map<string, { waiting: number; last: Promise<unknown> }>();

  constructor(log: ChangeLog) {
    this.#log = log;
  }

  /**
   * Rejects with `out_of_range` beyond the head, with `exhausted` when too many wait for states of this project, with
   * `cancelled` once the signal is aborted. A project has one replay at a time, which lets the event loop go on.
   */
  async at(project: string, revision: number, signal?: AbortSignal): Promise<ProjectState> {
    const queue = this.#queues.get(project) ?? { waiting: 0, last: Promise.resolve() };
    if (queue.waiting >= MAX_WAITING)
      throw new FlagError('exhausted', `too many look at the past of project ${project} already`, {
        reason: 'TOO_MANY_LOOK_BACK',
        retryAfterMs: RETRY_AFTER_MS,
      });
    this.#queues.set(project, queue);
    queue.waiting++;
    const result = queue.last.then(() => this.#replay(project, revision, signal));
    queue.last = result.catch(() => undefined);
    try {
      return await result;
    } finally {
      queue.waiting--;
      if (queue.waiting === 0) this.#queues.delete(project);
    }
  }

  async #replay(project: string, revision: number, signal: AbortSignal | undefined): Promise<ProjectState> {
    expectWanted(signal);
    const base = this.#nearest(project, revision);
    const state = base.revision === revision ? base : await this.#advance(base, revision, signal);
    this.#keep(state);
    return state;
  }

  async #advance(
    base: ProjectState,
    revision: number,
    signal: AbortSignal | undefined,
  ): Promise<ProjectState> {
    const objects = new Map<string, { readonly object: ObjectState; readonly version: number }>();
    for (const { state: object, version } of objectsOf(base))
      objects.set(idString(idOf(object)), { object, version });
    const quarantine = new Quarantine();
    let at: { revision: number; hash: string; time: string } = base;
    while (at.revision < revision) {
      const next = await readNext(this.#log, base.key, at.revision, Math.min(PAGE, revision - at.revision));
      if (next.kind === 'unreadable') {
        at = { ...at, ...(await this.#behind(base.key, at.revision + 1, revision)) };
        continue;
      }
      if (next.changes.length === 0) throw beyondHead(revision, at.revision);
      for (const change of next.changes) {
        for (const operation of quarantine.admit(change).operations)
          if (operation.op === 'delete') objects.delete(idString(operation.id));
          else
            objects.set(idString(idOf(operation.object)), {
              object: operation.object,
              version: change.revision,
            });
        at = change;
      }
      await nextTurn();
      expectWanted(signal);
    }
    const { hash, time } = at;
    return stateOf(base.key, { revision, hash, time }, objects.values());
  }

  /** Where the log goes on behind a change that cannot be read, but not beyond what is wanted. */
  async #behind(project: string, unreadable: number, wanted: number): Promise<Position> {
    const position = await positionAfter(this.#log, project, unreadable);
    if (position === undefined) throw damaged(project, unreadable);
    return position.revision <= wanted ? position : { revision: wanted, hash: '' };
  }

  #nearest(project: string, revision: number): ProjectState {
    let nearest = emptyState(project);
    for (const state of this.#kept.values())
      if (state.key === project && state.revision <= revision && state.revision > nearest.revision)
        nearest = state;
    return nearest;
  }

  #keep(state: ProjectState): void {
    const name = `${state.key}/${state.revision}`;
    this.#kept.delete(name);
    this.#kept.set(name, state);
    for (const [oldest] of this.#kept) {
      if (this.#kept.size <= KEPT) break;
      this.#kept.delete(oldest);
    }
  }
}

function expectWanted(signal: AbortSignal | undefined): void {
  if (signal?.aborted) throw new FlagError('cancelled', 'nobody waits for the answer any more');
}

function beyondHead(revision: number, head: number): FlagError {
  return new FlagError('out_of_range', `there is no revision ${revision} yet; the newest is ${head}`, {
    reason: 'REVISION_NOT_REACHED',
    metadata: { head: String(head) },
  });
}

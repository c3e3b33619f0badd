import type { Change, ObjectId } from '../core/change.ts';
import { idOf, idString } from '../core/change.ts';
import { FlagError } from '../core/errors.ts';
import type { Instant } from '../core/model.ts';
import type { ChangeLog } from '../ports/change-log.ts';
import { differencesBetween, differencesBy, type ObjectDifference } from './object-differences.ts';
import { PastStates } from './past-states.ts';
import type { ProjectState } from './project-state.ts';
import { type Verdict, verifyHistory } from './verify-history.ts';

/** Which changes are looked for. Everything that is given has to fit. */
export interface ChangeFilter {
  readonly object?: ObjectId;
  readonly action?: string;
  readonly actor?: string;
  /** The first moment. */
  readonly from?: Instant;
  /** The first moment that is too late. */
  readonly until?: Instant;
}

export interface FoundChanges {
  readonly changes: readonly Change[];
  /** The look-up goes on below this revision; absent when there is nothing more. */
  readonly next?: number;
}

const PAGE = 50;
const SCANNED_PER_CALL = 2_000;

/**
 * Answers questions about a project's past from its log. A deleted project has a past too. Everything rejects with
 * `not_found` for a project that never was, and a look at a past state with `cancelled` once its signal is aborted.
 */
export class History {
  readonly #log: ChangeLog;
  readonly #past: PastStates;
  readonly #scannedPerCall: number;

  /** `scannedPerCall`: how many changes one `list` looks at. Default: 2000. */
  constructor(log: ChangeLog, options: { readonly scannedPerCall?: number } = {}) {
    this.#log = log;
    this.#scannedPerCall = options.scannedPerCall ?? SCANNED_PER_CALL;
    this.#past = new PastStates(log);
  }

  /** The revision that a project is at, wherever the readers are. */
  async head(project: string): Promise<number> {
    const head = await this.#log.head(project);
    if (head === undefined)
      throw new FlagError('not_found', `no project ${project}`, {
        reason: 'PROJECT_NOT_FOUND',
        resource: `projects/${project}`,
      });
    return head.revision;
  }

  /** Rejects with `out_of_range` for a revision beyond the head. */
  async stateAt(project: string, revision: number, signal?: AbortSignal): Promise<ProjectState> {
    await this.head(project);
    return this.#past.at(project, revision, signal);
  }

  /** As it was at a moment. Rejects with `out_of_range` for one before the project's first change. */
  async stateAtTime(project: string, time: Instant, signal?: AbortSignal): Promise<ProjectState> {
    await this.head(project);
    const revision = await this.#log.revisionAt(project, time);
    if (revision === 0)
      throw new FlagError('out_of_range', `project ${project} did not exist at ${time}`, {
        reason: 'BEFORE_FIRST_REVISION',
      });
    return this.#past.at(project, revision, signal);
  }

  /** One change and what it did. Rejects with `not_found`. */
  async change(
    project: string,
    revision: number,
    signal?: AbortSignal,
  ): Promise<{ change: Change; differences: ObjectDifference[] }> {
    await this.head(project);
    const [change] = await this.#log.read(project, revision - 1, 1);
    if (change === undefined)
      throw new FlagError('not_found', `project ${project} has no revision ${revision}`, {
        reason: 'REVISION_NOT_FOUND',
        resource: `projects/${project}/revisions/${revision}`,
      });
    const before = await this.#past.at(project, revision - 1, signal);
    return { change, differences: differencesBy(before, change.operations) };
  }

  /**
   * Changes that fit, newest first, at most `limit`, from below revision `before` on. Looks at so many changes and no
   * more, so there may be fewer than asked for, or none, with a `next` to go on from.
   */
  async list(project: string, filter: ChangeFilter, limit: number, before?: number): Promise<FoundChanges> {
    const head = await this.head(project);
    let below = Math.min(before ?? head + 1, await this.#firstTooLate(project, filter.until, head));
    const found: Change[] = [];
    for (let scanned = 0; scanned < this.#scannedPerCall; ) {
      const changes = await this.#log.readBack(project, below, PAGE);
      for (const change of changes) {
        below = change.revision;
        if (filter.from !== undefined && change.time < filter.from) return { changes: found };
        if (fits(change, filter)) found.push(change);
        if (found.length === limit) return below > 1 ? { changes: found, next: below } : { changes: found };
      }
      if (below <= 1 || changes.length === 0) return { changes: found };
      scanned += changes.length;
    }
    return { changes: found, next: below };
  }

  /** What has to be done to one state to get the other. Rejects with `out_of_range` beyond the head. */
  async differences(
    project: string,
    from: number,
    to: number,
    signal?: AbortSignal,
  ): Promise<ObjectDifference[]> {
    const before = await this.stateAt(project, from, signal);
    return differencesBetween(before, await this.stateAt(project, to, signal));
  }

  /** `known`: what this replica holds of the project, which the log must agree with. */
  async verify(project: string, known: ProjectState | undefined): Promise<Verdict> {
    await this.head(project);
    return verifyHistory(this.#log, project, known !== undefined && known.revision > 0 ? [known] : []);
  }

  /** The first revision that is not before `until`. */
  async #firstTooLate(project: string, until: Instant | undefined, head: number): Promise<number> {
    if (until === undefined) return head + 1;
    const lastMoment = new Date(Date.parse(until) - 1).toISOString();
    return (await this.#log.revisionAt(project, lastMoment)) + 1;
  }
}

function fits(change: Change, { object, action, actor }: ChangeFilter): boolean {
  return (
    (action === undefined || change.action === action) &&
    (actor === undefined || change.actor === actor) &&
    (object === undefined || touches(change, idString(object)))
  );
}

function touches(change: Change, id: string): boolean {
  return change.operations.some(
    (operation) => idString(operation.op === 'put' ? idOf(operation.object) : operation.id) === id,
  );
}

import { randomUUID } from 'node:crypto';
import { canonicalJson } from '../core/canonical-json.ts';
import { type Change, idOf, type ObjectId, type ObjectState, type Operation } from '../core/change.ts';
import { FlagError } from '../core/errors.ts';
import type { Limits } from '../core/limits.ts';
import type { Instant, Revision } from '../core/model.ts';
import type { ChangeBus } from '../ports/change-bus.ts';
import type { ChangeLog } from '../ports/change-log.ts';
import type { Clock } from '../ports/clock.ts';
import type { Catalog } from './catalog.ts';
import { hashOf } from './change-hash.ts';
import { checkHalts } from './check-halts.ts';
import { checkOperations } from './check-operations.ts';
import type { Fleet } from './fleet.ts';
import type { FleetProgress } from './fleet-progress.ts';
import { withGuardStates } from './guards/guard-states.ts';
import { applyOperations, objectOf, type ProjectState, type Stored } from './project-state.ts';
import { WriteQueue } from './write-queue.ts';

/** What a caller wants written, besides the content. */
export interface Intent {
  readonly project: string;
  /** Such as `flag.halt`. */
  readonly action: string;
  readonly actor: string;
  readonly reason: string;
  /** Absent: this call is one of its own. A call that changed nothing is not remembered. */
  readonly idempotencyKey?: string;
  /** Of the content, to tell a repeated call from another with the same key. */
  readonly requestDigest: string;
  readonly validateOnly: boolean;
  /** Whether the change may begin, end, plan or cancel a halt. */
  readonly mayHalt: boolean;
  /** To wait, once it is done, until every replica has it. `timeoutMs` is asked when the wait begins. */
  readonly fleetWait?: { readonly timeoutMs: () => number; readonly signal: AbortSignal };
}

/**
 * Turns the state at the head into operations. Runs again on a newer state when somebody else was faster, so it
 * reads everything from `state`; throws FlagError to refuse. Whether the resulting objects are valid is checked
 * afterwards, for every plan alike.
 */
export type Plan = (state: ProjectState, now: Instant) => Planned;

export interface Planned {
  readonly operations: readonly Operation[];
  readonly warnings?: readonly string[];
}

export interface Committed {
  /** The revision that holds the change; the head if nothing was written. */
  readonly revision: Revision;
  readonly time: Instant;
  readonly replayed: boolean;
  readonly unchanged: boolean;
  readonly warnings: readonly string[];
  readonly operations: readonly Operation[];
  /** The project as the change left it (as it is now, if the change was replayed). */
  readonly state: ProjectState;
  /** How far the replicas had got at the end of the wait, if there was one. */
  readonly fleet?: FleetProgress;
}

export interface WriterParts {
  readonly log: ChangeLog;
  readonly bus: ChangeBus;
  readonly catalog: Catalog;
  /** The one that all who use the log share. */
  readonly clock: Clock;
  readonly limits: Limits;
  /** Without one nobody waits for it. */
  readonly fleet?: Pick<Fleet, 'waitFor'>;
}

const ATTEMPTS = 8;

/** What nothing holds up. */
const HALTS: ReadonlySet<string> = new Set([
  'flag.halt',
  'flag.resume',
  'flag.scheduled.halt',
  'flag.guard.halt',
]);

/**
 * The only way to change anything: plans against the head, checks the outcome, appends at head + 1. Writes of a
 * project are strictly serial, because a change that was planned on revision N can only ever become N + 1.
 */
export class Writer {
  readonly #log: ChangeLog;
  readonly #bus: ChangeBus;
  readonly #catalog: Catalog;
  readonly #clock: Clock;
  readonly #limits: Limits;
  readonly #fleet: WriterParts['fleet'];
  readonly #queues = new Map<string, WriteQueue>();

  constructor(parts: WriterParts) {
    this.#log = parts.log;
    this.#bus = parts.bus;
    this.#catalog = parts.catalog;
    this.#clock = parts.clock;
    this.#limits = parts.limits;
    this.#fleet = parts.fleet;
  }

  /**
   * Resolves once the change is durable and applied here, and the wait for the fleet, if any, is over. Rejects with
   * `conflict` when others keep winning, with `invalid` for a used idempotency key with other content, with `unavailable`
   * if the log cannot be reached, with whatever the plan or the checks refuse. What nothing holds up goes before the rest.
   */
  async commit(intent: Intent, plan: Plan): Promise<Committed> {
    const { project, action } = intent;
    const queue = this.#queues.get(project) ?? new WriteQueue(this.#clock);
    this.#queues.set(project, queue);
    try {
      const committed = await queue.run(HALTS.has(action), () => this.#commit(intent, plan));
      return await this.#everywhere(intent, committed);
    } finally {
      if (queue.isIdle && this.#queues.get(project) === queue) this.#queues.delete(project);
    }
  }

  async #everywhere({ project, fleetWait, validateOnly }: Intent, committed: Committed): Promise<Committed> {
    if (this.#fleet === undefined || fleetWait === undefined || validateOnly) return committed;
    const { timeoutMs, signal } = fleetWait;
    const wait = { timeoutMs: timeoutMs(), signal };
    return { ...committed, fleet: await this.#fleet.waitFor(project, committed.revision, wait) };
  }

  async #commit(intent: Intent, plan: Plan): Promise<Committed> {
    if (intent.idempotencyKey !== undefined) {
      const earlier = await this.#log.byIdempotencyKey(intent.project, intent.idempotencyKey);
      if (earlier !== undefined) return this.#replayed(intent, earlier);
    }
    for (let attempt = 0; attempt < ATTEMPTS; attempt++) {
      const state = await this.#catalog.catchUp(intent.project);
      const now = new Date(this.#clock.now()).toISOString();
      const planned = plan(state, now);
      const operations = withGuardStates(state, planned.operations, now).filter((operation) =>
        changesAnything(state, operation),
      );
      const next = applyOperations(state, operations, state.revision + 1);
      if (!intent.mayHalt) checkHalts(state, next, operations);
      checkOperations(state, next, operations, this.#limits);
      const warnings = planned.warnings ?? [];
      if (intent.validateOnly || operations.length === 0) {
        const { revision, time } = state;
        return { revision, time, replayed: false, unchanged: true, warnings, operations, state: next };
      }
      if (!HALTS.has(intent.action) && this.#catalog.isTooNew(intent.project)) throw tooNew(intent.project);
      const change = makeChange(intent, state, laterOf(now, state.time), operations);
      const startedAt = this.#clock.monotonic();
      const result = await this.#log.append(change);
      if (result.kind === 'already_done' && result.change.hash !== change.hash)
        return this.#replayed(intent, result.change);
      if (result.kind === 'slot_taken') continue;
      this.#catalog.apply(change, startedAt);
      this.#bus.publish({ project: change.project, revision: change.revision, hash: change.hash, change });
      return {
        revision: change.revision,
        time: change.time,
        replayed: false,
        unchanged: false,
        warnings,
        operations,
        state: { ...next, revision: change.revision, hash: change.hash, time: change.time },
      };
    }
    throw new FlagError('conflict', 'others are writing to this project; try again', {
      reason: 'WRITE_CONTENTION',
      retryAfterMs: 100,
    });
  }

  async #replayed(intent: Intent, earlier: Change): Promise<Committed> {
    if (earlier.requestDigest !== intent.requestDigest)
      throw new FlagError('invalid', 'this idempotency key was used for another request', {
        reason: 'IDEMPOTENCY_KEY_REUSED',
        violations: [{ path: 'options.idempotency_key', message: 'was used for another request' }],
        metadata: { revision: String(earlier.revision) },
      });
    const state = await this.#catalog.catchUp(intent.project, earlier.revision);
    const { revision, time, operations } = earlier;
    return { revision, time, replayed: true, unchanged: false, warnings: [], operations, state };
  }
}

/** The object as this commit left it: for the answer to whoever asked for the change. */
export function resultOf(committed: Committed, id: ObjectId): Stored<ObjectState> | undefined {
  for (const operation of committed.operations) {
    if (operation.op !== 'put') continue;
    const own = idOf(operation.object);
    if (own.kind === id.kind && own.environment === id.environment && own.key === id.key) {
      const version = committed.unchanged ? committed.revision + 1 : committed.revision;
      return { state: operation.object, version };
    }
  }
  return objectOf(committed.state, id);
}

function makeChange(
  intent: Intent,
  state: ProjectState,
  time: Instant,
  operations: readonly Operation[],
): Change {
  const unsealed: Omit<Change, 'hash'> = {
    format: 1,
    project: intent.project,
    revision: state.revision + 1,
    action: intent.action,
    actor: intent.actor,
    reason: intent.reason,
    time,
    idempotencyKey: intent.idempotencyKey ?? randomUUID(),
    requestDigest: intent.requestDigest,
    operations,
    previousHash: state.hash,
  };
  return { ...unsealed, hash: hashOf(unsealed) };
}

function changesAnything(state: ProjectState, operation: Operation): boolean {
  const current = objectOf(state, operation.op === 'put' ? idOf(operation.object) : operation.id);
  if (operation.op === 'delete') return current !== undefined;
  return current === undefined || contentOf(current.state) !== contentOf(operation.object);
}

function contentOf(object: ObjectState): string {
  return canonicalJson({ ...object.state, updatedAt: undefined });
}

function tooNew(project: string): FlagError {
  const message = `a newer version of this program has changed project ${project} in a way that this one cannot read: use a newer one`;
  return new FlagError('failed_precondition', message, { reason: 'LOG_TOO_NEW', resource: project });
}

function laterOf(a: Instant, b: Instant): Instant {
  return a > b ? a : b;
}

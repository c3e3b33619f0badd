import { FlagError } from '../core/errors.ts';
import type { ScheduledChange } from '../core/model.ts';
import { applyScheduledAction } from '../core/scheduled-action.ts';
import type { Clock } from '../ports/clock.ts';
import { Alarm } from './alarm.ts';
import type { Catalog } from './catalog.ts';
import { Complaints } from './complaints.ts';
import { isLiveIn } from './missed-changes.ts';
import { emptyState, type ProjectState, settingsOf } from './project-state.ts';
import type { Report } from './quarantine.ts';
import type { Plan, Writer } from './writer.ts';

const RETRY_MS = 5_000;
/** A clock that is wrong may be set right meanwhile. */
const LONGEST_WAIT_MS = 30_000;
/** Clocks that differ by less are as they should be. */
const AHEAD_MS = 2_000;
/** What decides when something is to happen. */
const PARTS = ['project', 'environments', 'flags', 'settings'] as const;

interface Due {
  readonly project: string;
  readonly environment: string;
  readonly flag: string;
  readonly change: ScheduledChange;
}

/**
 * Makes scheduled changes happen, each once, as revisions of their own: the idempotency key names the scheduled
 * change, so that of several replicas that try one succeeds. To the others it is done, and no news.
 */
export class Schedules implements Disposable {
  readonly #catalog: Catalog;
  readonly #writer: Writer;
  readonly #clock: Clock;
  readonly #alarm: Alarm;
  readonly #report: Report;
  readonly #complaints: Complaints;
  readonly #sharedNow: (() => Promise<number>) | undefined;
  readonly #subscription: Disposable;
  /** The next ring of each project. */
  readonly #rings = new Map<string, Disposable>();
  readonly #ringing = new Set<string>();
  #disposed = false;

  constructor(parts: {
    catalog: Catalog;
    writer: Writer;
    clock: Clock;
    report: Report;
    /** The time by which changes are due, where replicas do not share a clock. Default: this machine's. */
    sharedNow?: (() => Promise<number>) | undefined;
  }) {
    this.#catalog = parts.catalog;
    this.#writer = parts.writer;
    this.#clock = parts.clock;
    this.#report = parts.report;
    this.#complaints = new Complaints(parts.clock, parts.report);
    this.#sharedNow = parts.sharedNow;
    this.#alarm = new Alarm(parts.clock);
    this.#subscription = this.#catalog.subscribe(({ before, after }) => {
      if (PARTS.some((part) => before[part] !== after[part])) this.#arm(after);
    });
    for (const state of this.#catalog.projects()) this.#arm(state);
  }

  [Symbol.dispose](): void {
    this.#disposed = true;
    this.#subscription[Symbol.dispose]();
    this.#alarm[Symbol.dispose]();
  }

  /** Each change rings when it is due, those that were tried just now when they are to be tried again. */
  #arm(state: ProjectState, again: ReadonlyMap<ScheduledChange, number> = new Map()): void {
    // It is armed again once everything that is due has been tried.
    if (this.#ringing.has(state.key)) return;
    this.#rings.get(state.key)?.[Symbol.dispose]();
    this.#rings.delete(state.key);
    const next = pendingOf(state).reduce((earliest, { change }) => {
      const at = Date.parse(change.at);
      return Math.min(earliest, Math.max(at, again.get(change) ?? at));
    }, Infinity);
    if (next === Infinity) return;
    this.#rings.set(
      state.key,
      this.#alarm.at(next, () => void this.#ring(state.key)),
    );
  }

  /** One change that cannot be made does not stand in the way of the others. */
  async #ring(project: string): Promise<void> {
    if (this.#ringing.has(project)) return;
    this.#ringing.add(project);
    const again = new Map<ScheduledChange, number>();
    const now = this.#clock.now();
    const due = pendingOf(this.#stateOf(project)).filter(({ change }) => Date.parse(change.at) <= now);
    for (const one of due.sort((a, b) => Date.parse(a.change.at) - Date.parse(b.change.at)))
      try {
        const leftMs = await this.#leftMs(one.change);
        if (leftMs > 0) again.set(one.change, this.#clock.now() + Math.min(leftMs, LONGEST_WAIT_MS));
        else await this.#fire(one);
      } catch (error) {
        again.set(one.change, this.#clock.now() + RETRY_MS);
        this.#report('a scheduled change could not be made', { ...one, error });
      }
    this.#ringing.delete(project);
    if (!this.#disposed) this.#arm(this.#stateOf(project), again);
  }

  /** How long a change that is due by the clock of this machine is not, by the one that all replicas share. */
  async #leftMs({ at }: ScheduledChange): Promise<number> {
    if (this.#sharedNow === undefined) return 0;
    const leftMs = Date.parse(at) - (await this.#sharedNow());
    if (leftMs > AHEAD_MS)
      this.#complaints.make('the clock of this machine is ahead of the log', '', { aheadMs: leftMs });
    return leftMs;
  }

  #stateOf(project: string): ProjectState {
    return this.#catalog.everyState().find(({ key }) => key === project) ?? emptyState(project);
  }

  async #fire(due: Due): Promise<void> {
    const { project, environment, flag, change } = due;
    const intent = {
      project,
      action: `flag.scheduled.${change.action.kind}`,
      actor: 'schedule',
      reason: `scheduled by ${change.by} for ${change.at}`,
      idempotencyKey: `schedule:${environment}:${flag}:${change.id}:${change.at}`,
      requestDigest: '',
      validateOnly: false,
      mayHalt: true,
    };
    try {
      await this.#writer.commit(intent, fire(due));
    } catch (error) {
      if (!(error instanceof FlagError) || error.kind === 'unavailable' || error.kind === 'conflict')
        throw error;
      const dropped = await this.#writer.commit(
        {
          ...intent,
          action: 'flag.scheduled.drop',
          reason: error.message,
          idempotencyKey: `${intent.idempotencyKey}:drop`,
        },
        drop(due),
      );
      // Else another replica has dropped it, and said so.
      if (!dropped.replayed && !dropped.unchanged)
        this.#report('a scheduled change is not possible any more and was dropped', { ...due, error });
    }
  }
}

/** What is still to happen to a project's live flags in its live environments. */
function pendingOf(state: ProjectState): Due[] {
  return [...state.settings].flatMap(([environment, table]) =>
    [...table.values()].flatMap(({ state: { flag, scheduledChanges } }) =>
      scheduledChanges.length > 0 && isLiveIn(state, environment, flag)
        ? scheduledChanges.map((change) => ({ project: state.key, environment, flag, change }))
        : [],
    ),
  );
}

function fire({ environment, flag, change }: Due): Plan {
  return (state, now) => {
    const { state: settings } = settingsOf(state, environment, flag);
    const isPending = settings.scheduledChanges.some(({ id }) => id === change.id);
    if (!isPending || !isLiveIn(state, environment, flag)) return { operations: [] };
    const next = { ...applyScheduledAction(settings, change, now), updatedAt: now };
    return { operations: [{ op: 'put', object: { kind: 'settings', environment, state: next } }] };
  };
}

function drop({ environment, flag, change }: Due): Plan {
  return (state, now) => {
    const { state: settings } = settingsOf(state, environment, flag);
    const scheduledChanges = settings.scheduledChanges.filter(({ id }) => id !== change.id);
    const next = { ...settings, scheduledChanges, updatedAt: now };
    return { operations: [{ op: 'put', object: { kind: 'settings', environment, state: next } }] };
  };
}

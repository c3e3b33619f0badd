import type { Context } from '../../core/context.ts';
import { FlagError } from '../../core/errors.ts';
import type { Outcome } from '../../core/outcome.ts';
import type { Snapshot } from '../../core/snapshot.ts';
import type { Clock } from '../../ports/clock.ts';
import type { ExposureQueue } from '../../ports/exposure-queue.ts';
import type { ExposureSource, LossReason } from '../../ports/exposure-store.ts';
import type { Catalog } from '../catalog.ts';
import type { AcceptedNote } from './accepted-note.ts';
import { Intake } from './intake.ts';
import { isRecorded } from './outcome-text.ts';
import { RecordedPlaces } from './recorded-places.ts';
import { type ReportedItems, Shipping } from './shipping.ts';

export interface RecorderParts {
  readonly catalog: Pick<Catalog, 'known'>;
  readonly queue: ExposureQueue;
  readonly clock: Clock;
  /** Names this run of the process: no other ever has the same. */
  readonly process: string;
  /** What the names of subjects are made with where targeting keys are not kept. */
  readonly pepper: string;
  /** Of memory, for all that is recorded and not known to be durable. */
  readonly maxBytes: number;
  /** Where the process writes down how much it has accepted. Default: nowhere. */
  readonly note?: AcceptedNote;
  readonly report: (problem: string, details: Readonly<Record<string, unknown>>) => void;
  /** From 0 up to 1. Default: `Math.random`. */
  readonly random?: () => number;
}

const TICK_MS = 200;

/**
 * Records who was told what: it is written into a batch at once, and every so often the batches are sent. Never throws, never waits, and never takes more memory than it may: what it has to give up is counted.
 */
export class Recorder implements AsyncDisposable {
  readonly #parts: RecorderParts;
  readonly #places: RecordedPlaces;
  readonly #shipping: Shipping;
  readonly #intake: Intake;
  #timer: Disposable | undefined;
  #isOver = false;

  constructor(parts: RecorderParts) {
    this.#parts = parts;
    this.#places = new RecordedPlaces(parts.catalog, parts.pepper);
    this.#shipping = new Shipping({ random: Math.random, ...parts, wake: () => this.#arm() });
    this.#intake = new Intake(this.#shipping, parts.clock);
  }

  /** One answer. `client` is `name/version`, or empty. */
  one(
    source: ExposureSource,
    snapshot: Snapshot,
    outcome: Outcome,
    context: Context,
    nowMs: number,
    client = '',
  ): void {
    if (!isRecorded(outcome) || this.#isOver) return;
    const moment = this.#places.of(snapshot);
    if (moment.environment.disabled) return;
    this.#intake.one(source, moment, outcome, context, nowMs, client);
    this.#arm();
  }

  /** All that one caller was answered at once. */
  many(
    source: ExposureSource,
    snapshot: Snapshot,
    outcomes: readonly Outcome[],
    context: Context,
    nowMs: number,
    client = '',
  ): void {
    if (outcomes.length === 0 || this.#isOver) return;
    const moment = this.#places.of(snapshot);
    if (moment.environment.disabled) return;
    this.#intake.many(source, moment, outcomes, context, nowMs, client);
    this.#arm();
  }

  /** What somebody reports: resolves once it is durable. Rejects with `exhausted` when there is no room for it. */
  reported(items: ReportedItems): Promise<void> {
    if (this.#isOver) return Promise.reject(stopped());
    return this.#shipping.reported(this.#places.at(items.place), items);
  }

  /** Evaluations and events so far, those that were lost included. */
  get accepted(): number {
    return this.#shipping.accepted;
  }

  /** Of these, those that were given up. */
  get lost(): number {
    return this.#shipping.losses.units;
  }

  lostFor(reason: LossReason): number {
    return this.#shipping.losses.of(reason);
  }

  /** Of memory that is taken by what is not known to be durable. */
  get bytes(): number {
    return this.#shipping.bytes;
  }

  get publishedBatches(): number {
    return this.#shipping.published;
  }

  #arm(): void {
    if (this.#timer !== undefined || this.#isOver) return;
    this.#timer = this.#parts.clock.after(TICK_MS, () => {
      this.#timer = undefined;
      this.#shipping.tick();
      if (this.#shipping.isBusy) this.#arm();
    });
  }

  /** Brings everything to the queue, as far as that is possible in that time. What comes later is not recorded. */
  async stop(timeoutMs: number): Promise<void> {
    if (this.#isOver) return;
    this.#isOver = true;
    this.#timer?.[Symbol.dispose]();
    await this.#shipping.finish(timeoutMs);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.stop(0);
    this.#shipping[Symbol.dispose]();
  }
}

function stopped(): FlagError {
  return new FlagError('unavailable', 'the service is stopping', { reason: 'STOPPING' });
}

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
import { isRecorded } from './outcome-lists.ts';
import { type RecordedMoment, RecordedPlaces } from './recorded-places.ts';
import { type ReportedItems, Shipping } from './shipping.ts';
import { WaitingRows } from './waiting-rows.ts';

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
  /** Calls a function as soon as there is nothing more urgent. Default: `setImmediate`. */
  readonly soon?: (task: () => void) => void;
}

const TICK_MS = 200;
/** So much is not left waiting for the next tick: what waits long costs the garbage collector more than it does here. */
const ENOUGH = 500;
const MOST_ROWS = 2_048;
/** How much is put into batches at a time; one unit is a row, or some dozen outcomes of a list. */
const SLICE = 1_000;
const OUTCOMES_PER_UNIT = 32;

/**
 * Records who was told what. Whoever evaluates leaves references here and goes on; everything else is done later, a slice
 * at a time. Never throws, never waits, and never takes more memory than it may: what it has to give up is counted.
 */
export class Recorder implements AsyncDisposable {
  readonly #parts: RecorderParts;
  readonly #places: RecordedPlaces;
  readonly #shipping: Shipping;
  readonly #intake: Intake;
  readonly #soon: (task: () => void) => void;
  #rows: WaitingRows | undefined;
  #spare: WaitingRows | undefined;
  #draining: WaitingRows | undefined;
  #drainedTo = 0;
  /** How much there is in the rows that are not being drained. */
  #waiting = 0;
  #timer: Disposable | undefined;
  #isSoon = false;
  /** What there is has waited for as long as it should. */
  #isDue = false;
  #isOver = false;

  constructor(parts: RecorderParts) {
    this.#parts = parts;
    this.#places = new RecordedPlaces(parts.catalog, parts.pepper);
    this.#shipping = new Shipping({ random: Math.random, ...parts, wake: () => this.#arm() });
    this.#intake = new Intake(this.#shipping, parts.clock);
    this.#soon = parts.soon ?? ((task) => void setImmediate(task));
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
    if (isRecorded(outcome)) this.#push(source, this.#places.of(snapshot), outcome, context, nowMs, client);
  }

  /** All that one caller was answered at once. Nobody may change the list. */
  many(
    source: ExposureSource,
    snapshot: Snapshot,
    outcomes: readonly Outcome[],
    context: Context,
    nowMs: number,
    client = '',
  ): void {
    if (outcomes.length > 0) this.#push(source, this.#places.of(snapshot), outcomes, context, nowMs, client);
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

  #push(
    source: ExposureSource,
    moment: RecordedMoment,
    answer: Outcome | readonly Outcome[],
    { targetingKey, attributes }: Context,
    nowMs: number,
    client: string,
  ): void {
    const { environment } = moment;
    if (environment.disabled || this.#isOver) return;
    this.#rows ??= new WaitingRows(MOST_ROWS);
    const rows = this.#rows;
    const at = rows.length;
    rows.times[at] = nowMs;
    rows.moments[at] = moment;
    rows.sources[at] = source;
    rows.answers[at] = answer;
    rows.subjects[at] = targetingKey;
    rows.clients[at] = client;
    if (environment.keptAttributes.length > 0) rows.attributes[at] = attributes;
    rows.length = at + 1;
    this.#waiting += weightOf(answer);
    if (at === 0) this.#arm();
    if (rows.length === rows.capacity) this.#makeRoom();
    else if (this.#waiting >= ENOUGH) this.#drainSoon();
  }

  #arm(): void {
    if (this.#isOver) return;
    this.#timer ??= this.#parts.clock.after(TICK_MS, () => {
      this.#timer = undefined;
      this.#isDue = true;
      this.#drainSoon();
    });
  }

  #drainSoon(): void {
    if (this.#isSoon) return;
    this.#isSoon = true;
    this.#soon(() => {
      this.#isSoon = false;
      this.#drain(SLICE);
    });
  }

  /** More came at once than is usual; this caller has to wait a little. */
  #makeRoom(): void {
    if (this.#draining !== undefined) this.#drain(Number.POSITIVE_INFINITY);
    this.#swap();
    this.#drainSoon();
  }

  #swap(): void {
    if (this.#rows === undefined || this.#rows.length === 0) return;
    this.#draining = this.#rows;
    this.#drainedTo = 0;
    this.#waiting = 0;
    this.#rows = this.#spare;
    this.#spare = undefined;
  }

  #drain(budget: number): void {
    if (this.#draining === undefined) this.#swap();
    const rows = this.#draining;
    let left = budget;
    while (rows !== undefined && this.#drainedTo < rows.length && left > 0) {
      const answer = rows.answers[this.#drainedTo];
      if (answer !== undefined) left -= weightOf(answer);
      this.#intake.take(rows, this.#drainedTo);
      this.#drainedTo++;
    }
    this.#shipping.noteAccepted();
    if (rows !== undefined && this.#drainedTo < rows.length) {
      this.#drainSoon();
      return;
    }
    if (rows !== undefined) {
      rows.clear();
      this.#spare = rows;
      this.#draining = undefined;
    }
    if (this.#isDue) this.#shipping.tick();
    this.#isDue = false;
    if (this.#waiting >= ENOUGH) this.#drainSoon();
    if (this.#waiting > 0 || this.#shipping.isBusy) this.#arm();
  }

  /** Brings everything to the queue, as far as that is possible in that time. What comes later is not recorded. */
  async stop(timeoutMs: number): Promise<void> {
    if (this.#isOver) return;
    this.#isOver = true;
    this.#timer?.[Symbol.dispose]();
    this.#drain(Number.POSITIVE_INFINITY);
    if (this.#rows !== undefined) this.#drain(Number.POSITIVE_INFINITY);
    await this.#shipping.finish(timeoutMs);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.stop(0);
    this.#shipping[Symbol.dispose]();
  }
}

function weightOf(answer: Outcome | readonly Outcome[]): number {
  return Array.isArray(answer) ? 1 + answer.length / OUTCOMES_PER_UNIT : 1;
}

function stopped(): FlagError {
  return new FlagError('unavailable', 'the service is stopping', { reason: 'STOPPING' });
}

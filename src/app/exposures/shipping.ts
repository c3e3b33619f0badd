import { FlagError } from '../../core/errors.ts';
import { HOUR_MS } from '../../ports/batch-tables.ts';
import type { Clock } from '../../ports/clock.ts';
import type { ExposureQueue } from '../../ports/exposure-queue.ts';
import type {
  LossReason,
  RecordedContext,
  RecordedEvaluation,
  RecordedEvent,
  RecordedPlace,
} from '../../ports/exposure-store.ts';
import type { AcceptedNote } from './accepted-note.ts';
import type { BatchBuilder, BatchEnd } from './batch-builder.ts';
import { batchId, encodeBatch } from './batch-text.ts';
import { keptAttributes } from './kept-attributes.ts';
import { Losses } from './losses.ts';
import { OpenBatches } from './open-batches.ts';
import { MERGE_FROM, SAMPLE_FROM } from './pressure.ts';
import { type Outgoing, Publisher } from './publisher.ts';
import type { RecordedEnvironment } from './recorded-places.ts';
import { chunksOf } from './reported-chunks.ts';

export interface ShippingParts {
  readonly queue: ExposureQueue;
  readonly clock: Clock;
  readonly process: string;
  readonly maxBytes: number;
  readonly random: () => number;
  readonly note?: AcceptedNote;
  readonly report: (problem: string, details: Readonly<Record<string, unknown>>) => void;
  /** Called when there is something to tell that was not there at the last tick. */
  readonly wake: () => void;
}

/** What somebody reports about one environment. Subjects are targeting keys. */
export interface ReportedItems {
  readonly place: RecordedPlace;
  readonly evaluations: readonly RecordedEvaluation[];
  readonly events: readonly RecordedEvent[];
  /** With all attributes: those that may be kept are chosen here. */
  readonly contexts?: readonly RecordedContext[];
}

/** What is kept back of the memory, for batches that are being made while the last of it is given away. */
const RESERVE = 1 / 32;
/** More batches do not wait for each other to be sent together. */
const MOST_HELD = 32;
/** How long a batch is left open to become one with more that is equal. */
const MERGE_MS = 2_000;

/** Numbers batches, keeps the books, and sees to it that memory does not run out. */
export class Shipping implements Disposable {
  readonly losses = new Losses();
  /** Evaluations and events, lost ones included. */
  accepted = 0;
  readonly #parts: ShippingParts;
  readonly #publisher: Publisher;
  readonly #open = new OpenBatches((builder) => this.#close(builder));
  readonly #room: number;
  #sequence = 0;
  #noted = 0;
  #openSince: number | undefined;
  /** Where to tell of losses if nothing else is to be told. */
  #anyPlace: RecordedPlace | undefined;

  constructor(parts: ShippingParts) {
    this.#parts = parts;
    this.#room = parts.maxBytes * (1 - RESERVE);
    this.#publisher = new Publisher({ ...parts, givenUp: (parcel) => this.#giveUp(parcel) });
  }

  /** Of memory that is taken by what is not known to be durable. */
  get bytes(): number {
    return this.#publisher.bytes + this.#open.bytes;
  }

  get published(): number {
    return this.#publisher.published;
  }

  /** There is something that waits for the next tick. */
  get isBusy(): boolean {
    return this.#open.size > 0 || !this.losses.isTold || this.#publisher.held > 0;
  }

  /** How much of the memory is taken: from 1 on there is none left. */
  fill(): number {
    return this.bytes / this.#room;
  }

  batchAt(place: RecordedPlace, key: string, time: number): BatchBuilder {
    return this.#open.at(place, key, time);
  }

  took(builder: BatchBuilder, units: number): void {
    this.accepted += units;
    this.#open.weigh(builder);
    if (builder.isFull) this.#open.closeFull();
  }

  lose(reason: LossReason, units: number): void {
    this.accepted += units;
    this.losses.add(reason, units);
  }

  /** Sends what is there, unless it does not hurry. */
  tick(): void {
    const now = this.#parts.clock.monotonic();
    this.#openSince ??= now;
    if (this.fill() < MERGE_FROM || now - this.#openSince >= MERGE_MS) {
      this.#openSince = undefined;
      this.#open.closeAll();
      if (!this.losses.isTold && this.fill() < 1) this.#tellLosses();
    }
    this.#sendHeld();
  }

  /** Resolves once all is durable. Rejects with `exhausted`, and accepts nothing, when there is no room. */
  async reported(environment: RecordedEnvironment, items: ReportedItems): Promise<void> {
    const { names, keptAttributes: kept } = environment;
    const contexts = (items.contexts ?? []).flatMap(({ attributes, ...who }) => {
      const known = who.subject === '' ? undefined : keptAttributes(attributes, kept);
      return known === undefined ? [] : [{ ...who, attributes: known }];
    });
    const named = <T extends { readonly subject: string }>(item: T): T =>
      names === undefined ? item : { ...item, subject: names.of(item.subject) };
    const chunks = chunksOf(items.evaluations.map(named), items.events.map(named), contexts.map(named));
    const size = chunks.reduce((sum, { bytes }) => sum + bytes, 0);
    // Whoever reports is told, and can come again; for what is evaluated there is no second time.
    if (this.fill() >= SAMPLE_FROM || this.bytes + size > this.#parts.maxBytes) throw noRoom();
    const sent = chunks.map((chunk) => {
      const { promise, resolve, reject } = Promise.withResolvers<void>();
      const { units, hour, evaluations, events, contexts: told } = chunk;
      this.accepted += units;
      const { project, environment: name } = items.place;
      const place = { project, environment: name };
      const bytes = (end: BatchEnd) =>
        encodeBatch({
          ...{ process: end.process, sequence: end.sequence, losses: end.losses },
          ...{ place, hour, evaluations, events, contexts: told, acceptedSoFar: end.accepted },
        });
      this.#send(place, units, bytes, (error) => (error === undefined ? resolve() : reject(error)));
      return promise;
    });
    this.#sendHeld();
    await Promise.all(sent);
  }

  /** Sends everything and waits for so long. What does not get through by then is told to whoever runs this. */
  async finish(timeoutMs: number): Promise<void> {
    this.#open.closeAll();
    if (!this.losses.isEmpty) this.#tellLosses();
    this.#sendHeld();
    if (timeoutMs > 0) {
      const { promise: late, resolve } = Promise.withResolvers<void>();
      using _timer = this.#parts.clock.after(timeoutMs, resolve);
      await Promise.race([this.#publisher.whenIdle(), late]);
    }
    const { count, bytes } = this.#publisher;
    if (count > 0)
      this.#parts.report('exposures are left behind, for the queue did not take them', {
        ...{ process: this.#parts.process, batches: count, bytes },
      });
  }

  #close(builder: BatchBuilder): void {
    if (builder.units > 0) this.#send(builder.place, builder.units, (end) => builder.bytesOf(end));
  }

  #tellLosses(): void {
    const place = this.#anyPlace;
    if (place === undefined) return;
    const hour = Math.max(0, Math.floor(this.#parts.clock.now() / HOUR_MS));
    this.#send(place, 0, ({ process, sequence, accepted: acceptedSoFar, losses }) =>
      encodeBatch({
        ...{ process, sequence, place, hour, acceptedSoFar, losses },
        ...{ evaluations: [], events: [], contexts: [] },
      }),
    );
  }

  #send(
    place: RecordedPlace,
    units: number,
    bytesOf: (end: BatchEnd) => Uint8Array,
    settled?: Outgoing['settled'],
  ): void {
    this.#anyPlace = place;
    const { process } = this.#parts;
    const sequence = ++this.#sequence;
    const losses = this.losses.take();
    const bytes = bytesOf({ process, sequence, accepted: this.accepted, losses });
    this.#publisher.add({
      ...{ id: batchId(process, sequence), bytes, sequence, units, losses },
      ...(settled !== undefined && { settled }),
    });
    if (this.#publisher.held >= MOST_HELD) this.#sendHeld();
  }

  #sendHeld(): void {
    // Before anybody can store it: what was stored was accepted.
    this.#noteAccepted();
    this.#publisher.send();
  }

  /** Writes down how much was accepted: whoever is killed before it is sent has it on record. */
  #noteAccepted(): void {
    if (this.accepted === this.#noted) return;
    this.#noted = this.accepted;
    this.#parts.note?.note(this.accepted);
  }

  #giveUp({ units, sequence, losses, id, bytes }: Outgoing): void {
    this.losses.add('too_large', units, sequence);
    this.losses.tellAgain(losses);
    this.#parts.wake();
    this.#parts.report('a batch of exposures is too large for the queue', { id, bytes: bytes.length, units });
  }

  [Symbol.dispose](): void {
    this.#publisher[Symbol.dispose]();
  }
}

function noRoom(): FlagError {
  return new FlagError('exhausted', 'there is no room for what is reported', {
    reason: 'EXPOSURES_FULL',
    retryAfterMs: 1_000,
  });
}

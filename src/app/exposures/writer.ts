import { setImmediate as nextTurn } from 'node:timers/promises';
import { FlagError } from '../../core/errors.ts';
import type { Clock } from '../../ports/clock.ts';
import type { Delivery, ExposureQueue } from '../../ports/exposure-queue.ts';
import type { ExposureStore, StoredBytes } from '../../ports/exposure-store.ts';
import { Complaints } from '../complaints.ts';
import type { Report } from '../quarantine.ts';
import { Company } from './company.ts';
import { storeParcel, unitsIn } from './store-parcel.ts';
import { Failures, isDeath, isHopeless, isPassing, MOST_ATTEMPTS, MOST_DEATHS } from './write-failures.ts';

export interface WriterParts {
  readonly queue: ExposureQueue;
  readonly store: ExposureStore;
  readonly clock: Clock;
  readonly report: Report;
}

/** What a writer has done since it began. */
export interface WriterCounts {
  readonly batches: number;
  readonly units: number;
  /** Batches that were stored before. */
  readonly already: number;
  /** Batches with an id under which another one was stored. */
  readonly conflicts: number;
  readonly buried: number;
  readonly retries: number;
}

const MOST_IN_HAND = 8;
const WAIT_MS = 5_000;
const FIRST_PAUSE_MS = 500;
const LONGEST_PAUSE_MS = 30_000;
/** What is not stored by then is handed out again, to somebody else. */
const LAST_MS = 3_000;

/**
 * Brings what was recorded from the queue to the store, and says that it is done only once it is there. Whatever nobody
 * can read is kept as a dead letter; whatever cannot be stored at the moment goes back to the queue, and nothing more is
 * taken for a while. Any number of these may run, anywhere.
 */
export class ExposureWriter implements AsyncDisposable {
  readonly #queue: ExposureQueue;
  readonly #store: ExposureStore;
  readonly #clock: Clock;
  readonly #report: Report;
  readonly #complaints: Complaints;
  readonly #ending = new AbortController();
  readonly #inHand = new Set<Promise<void>>();
  readonly #failures = new Failures();
  readonly #company = new Company();
  readonly #counts = { batches: 0, units: 0, already: 0, conflicts: 0, buried: 0, retries: 0 };
  /** When the oldest was published of those in hand, and of those given back since all went well. */
  readonly #oldest = new Map<string, number>();
  #pauseMs = 0;
  /** When to take again, by the clock that never jumps. */
  #resumeAt = 0;
  readonly #running: Promise<void>;

  constructor({ queue, store, clock, report }: WriterParts) {
    this.#queue = queue;
    this.#store = store;
    this.#clock = clock;
    this.#report = report;
    this.#complaints = new Complaints(clock, report);
    this.#running = this.#run();
  }

  counts(): WriterCounts {
    return this.#counts;
  }

  /** How old the oldest parcel is that was taken and is not dealt with. 0: there is none. */
  lagMs(): number {
    const oldest = Math.min(...this.#oldest.values());
    return oldest === Number.POSITIVE_INFINITY ? 0 : Math.max(0, this.#clock.now() - oldest);
  }

  async #run(): Promise<void> {
    while (!this.#ending.signal.aborted) {
      await this.#pause(this.#resumeAt - this.#clock.monotonic());
      if (this.#ending.signal.aborted) return;
      // One alone shows whether it works again.
      const limit = this.#pauseMs > 0 ? 1 : MOST_IN_HAND - this.#inHand.size;
      for (const delivery of await this.#take(limit)) this.#begin(delivery);
      // What is read and stored keeps others waiting: they get their turn after each.
      await nextTurn();
      if (this.#inHand.size >= limit) await Promise.race(this.#inHand);
    }
  }

  async #take(limit: number): Promise<readonly Delivery[]> {
    try {
      const deliveries = await this.#queue.take(limit, WAIT_MS, this.#ending.signal);
      this.#complaints.end('exposures cannot be taken', '');
      return deliveries;
    } catch (error) {
      if (this.#ending.signal.aborted) return [];
      this.#complaints.make('exposures cannot be taken', '', { error });
      await this.#pause(FIRST_PAUSE_MS);
      return [];
    }
  }

  #begin(delivery: Delivery): void {
    this.#oldest.set(delivery.id, delivery.publishedAt);
    const work = this.#write(delivery).finally(() => this.#inHand.delete(work));
    this.#inHand.add(work);
  }

  /** Never rejects. */
  async #write(delivery: Delivery): Promise<void> {
    await nextTurn();
    try {
      this.#count(delivery.id, await this.#stored(delivery));
    } catch (error) {
      await this.#failed(delivery, error);
      return;
    }
    this.#works();
    await this.#settle(delivery, () => delivery.done());
  }

  /** What failed once is tried alone from then on, so that nothing is blamed for what something else did. */
  #stored(delivery: Delivery): Promise<StoredBytes> {
    const store = () => storeParcel(this.#store, delivery);
    return this.#failures.has(delivery.id) ? this.#company.alone(store) : this.#company.together(store);
  }

  #count(id: string, { stored, units }: StoredBytes): void {
    if (stored === 'already') this.#counts.already++;
    if (stored === 'conflict') {
      this.#counts.conflicts++;
      this.#report('two batches of exposures have the same id, and the first one stays', { id });
    }
    if (stored !== 'stored') return;
    this.#counts.batches++;
    this.#counts.units += units;
  }

  async #failed(delivery: Delivery, error: unknown): Promise<void> {
    if (isPassing(error)) return await this.#wait(delivery, error);
    const failures = isHopeless(error) ? MOST_ATTEMPTS : this.#failures.add(delivery.id);
    if (failures >= (isDeath(error) ? MOST_DEATHS : MOST_ATTEMPTS)) return await this.#bury(delivery, error);
    this.#counts.retries++;
    this.#report('a batch of exposures could not be stored, and is tried again', { id: delivery.id, error });
    await this.#say(() => delivery.again(FIRST_PAUSE_MS * 2 ** failures));
  }

  /** It comes again, to anybody, and nothing is taken here until then. */
  async #wait(delivery: Delivery, error: unknown): Promise<void> {
    this.#counts.retries++;
    this.#complaints.make('exposures cannot be stored, and wait', '', { error });
    const now = this.#clock.monotonic();
    if (now >= this.#resumeAt) {
      this.#pauseMs = Math.min(LONGEST_PAUSE_MS, Math.max(FIRST_PAUSE_MS, this.#pauseMs * 2));
      this.#resumeAt = now + this.#pauseMs;
    }
    await this.#say(() => delivery.again(Math.max(0, this.#resumeAt - now)));
  }

  async #bury(delivery: Delivery, error: unknown): Promise<void> {
    // Whoever reads it here may die of it as well: then all of the process does.
    const units = isDeath(error) ? undefined : unitsIn(delivery);
    const { id, bytes, attempt: attempts } = delivery;
    const letter = { id, bytes, error: wordsOf(error), at: this.#clock.now(), attempts };
    try {
      await this.#store.bury(units === undefined ? letter : { ...letter, units });
    } catch (failure) {
      await this.#wait(delivery, failure);
      return;
    }
    this.#counts.buried++;
    this.#works();
    this.#report('a batch of exposures cannot be read, and is kept as a dead letter', { id, error });
    await this.#settle(delivery, () => delivery.refuse());
  }

  #works(): void {
    this.#pauseMs = 0;
    this.#resumeAt = 0;
    this.#complaints.end('exposures cannot be stored, and wait', '');
  }

  async #settle(delivery: Delivery, say: () => Promise<void>): Promise<void> {
    this.#oldest.delete(delivery.id);
    this.#failures.forget(delivery.id);
    await this.#say(say);
  }

  /** If the queue does not hear it the parcel comes again, which does no harm. */
  async #say(say: () => Promise<void>): Promise<void> {
    try {
      await say();
    } catch (error) {
      this.#complaints.make('the queue of exposures does not hear what was done', '', { error });
    }
  }

  async #pause(ms: number): Promise<void> {
    const { signal } = this.#ending;
    if (ms <= 0 || signal.aborted) return;
    const { promise, resolve } = Promise.withResolvers<void>();
    const stop = () => resolve();
    using _timer = this.#clock.after(ms, stop);
    signal.addEventListener('abort', stop, { once: true });
    await promise;
    signal.removeEventListener('abort', stop);
  }

  /** Takes no more, and resolves when what is in hand was dealt with, or given back; or when that takes too long. */
  async [Symbol.asyncDispose](): Promise<void> {
    this.#ending.abort();
    const { promise: late, resolve } = Promise.withResolvers<void>();
    using _timer = this.#clock.after(LAST_MS, resolve);
    await Promise.race([late, this.#running.then(() => Promise.all(this.#inHand))]);
  }
}

function wordsOf(error: unknown): string {
  return error instanceof FlagError ? error.message : String(error);
}

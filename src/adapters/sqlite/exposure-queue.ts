import { FlagError } from '../../core/errors.ts';
import type { Clock } from '../../ports/clock.ts';
import type { Delivery, ExposureQueue, Parcel } from '../../ports/exposure-queue.ts';
import { checkParcel, LEASE_MS } from '../../ports/parcel-check.ts';
import { numberOf, type Row, textOf } from './columns.ts';
import { PARCEL_MIGRATIONS, type ParcelTables, parcelTables, sizeOf } from './exposure-parcels.ts';
import { GroupedWrites } from './grouped-writes.ts';
import { type Database, type OpenOptions, openDatabase, type Schema } from './open-database.ts';
import { storeClosed } from './sqlite-errors.ts';

/** The queue's file. What was published survives a loss of power. */
export const EXPOSURE_QUEUE_SCHEMA: Schema = {
  file: 'exposures-queue.db',
  synchronous: 'FULL',
  migrations: PARCEL_MIGRATIONS,
};

export interface ExposureQueueOptions extends OpenOptions {
  readonly clock: Clock;
  /** No parcel is taken that would make it more, in bytes. */
  readonly maxBytes: number;
  /** For whom a minute is too long to wait. */
  readonly leaseMs?: number;
}

/** How often somebody who waits looks for what other processes published. */
const LOOK_MS = 250;
const BUSY_PATIENCE_MS = 4_000;
const TIDY_MS = 1_000;

/**
 * Opens the queue in a data directory, which is made if need be. Any number of processes may have it open. Whoever opens
 * it disposes of it.
 */
export async function openSqliteExposureQueue(
  directory: string,
  options: ExposureQueueOptions,
): Promise<ExposureQueue> {
  const patience = { busyPatienceMs: BUSY_PATIENCE_MS, ...options };
  const database = await openDatabase(directory, EXPOSURE_QUEUE_SCHEMA, patience);
  return new SqliteExposureQueue(database, options);
}

class SqliteExposureQueue implements ExposureQueue {
  readonly #database: Database;
  readonly #tables: ParcelTables;
  readonly #writes: GroupedWrites;
  readonly #clock: Clock;
  readonly #maxBytes: number;
  readonly #leaseMs: number;
  readonly #takers = new Set<() => void>();
  #isOpen = true;
  #tidiedAt = Number.NEGATIVE_INFINITY;

  constructor(database: Database, { clock, maxBytes, leaseMs }: ExposureQueueOptions) {
    this.#database = database;
    this.#tables = parcelTables(database);
    this.#writes = new GroupedWrites(database);
    this.#clock = clock;
    this.#maxBytes = maxBytes;
    this.#leaseMs = leaseMs ?? LEASE_MS;
  }

  async publish(parcel: Parcel): Promise<void> {
    checkParcel(parcel);
    await this.#writes.write(() => this.#add(parcel));
    this.#wake();
  }

  #add(parcel: Parcel): void {
    const now = this.#clock.now();
    this.#tidy(now);
    if (this.#tables.has(parcel.id, now)) return;
    if (this.#tables.totals().bytes + sizeOf(parcel) > this.#maxBytes) throw full();
    this.#tables.add(parcel, now);
  }

  #tidy(now: number): void {
    const at = this.#clock.monotonic();
    if (at - this.#tidiedAt < TIDY_MS) return;
    this.#tidiedAt = at;
    this.#tables.tidy(now);
  }

  async take(limit: number, waitMs: number, signal?: AbortSignal): Promise<readonly Delivery[]> {
    const until = this.#clock.monotonic() + waitMs;
    for (;;) {
      if (!this.#isOpen) throw storeClosed();
      if (signal?.aborted === true) return [];
      const deliveries = await this.#takeNow(limit);
      const remainingMs = until - this.#clock.monotonic();
      if (deliveries.length > 0 || remainingMs <= 0) return deliveries;
      await this.#pause(Math.min(remainingMs, LOOK_MS), signal);
    }
  }

  /** Looks before it writes: whoever waits on an empty queue is in nobody's way. */
  async #takeNow(limit: number): Promise<readonly Delivery[]> {
    const isDue = await this.#database.read(() => this.#tables.isDue(this.#clock.now()));
    if (!isDue || limit < 1) return [];
    const rows = await this.#writes.write(() => {
      const now = this.#clock.now();
      return this.#tables.take(limit, now, now + this.#leaseMs);
    });
    return rows.map((row) => this.#deliveryOf(row));
  }

  #deliveryOf(row: Row): Delivery {
    const [number, attempt] = [numberOf(row, 'number'), numberOf(row, 'attempts')];
    const { bytes } = row;
    const settle = async (refused: boolean) => {
      await this.#writes.write(() => this.#tables.settle(number, refused));
    };
    return {
      id: textOf(row, 'id'),
      bytes: bytes instanceof Uint8Array ? bytes : new Uint8Array(),
      attempt,
      publishedAt: numberOf(row, 'published_at'),
      done: () => settle(false),
      refuse: () => settle(true),
      again: async (delayMs) => {
        await this.#writes.write(() => {
          const now = this.#clock.now();
          this.#tables.postpone(number, attempt, now, now + delayMs);
        });
        if (delayMs <= 0) this.#wake();
      },
    };
  }

  async #pause(ms: number, signal: AbortSignal | undefined): Promise<void> {
    const { promise, resolve } = Promise.withResolvers<void>();
    const wake = () => resolve();
    using _timer = this.#clock.after(ms, wake);
    this.#takers.add(wake);
    signal?.addEventListener('abort', wake, { once: true });
    await promise;
    signal?.removeEventListener('abort', wake);
    this.#takers.delete(wake);
  }

  #wake(): void {
    for (const wake of this.#takers) wake();
  }

  connected(): boolean {
    return this.#isOpen;
  }

  /** It was connected from the start, and cannot be so again. */
  onConnected(): Disposable {
    return { [Symbol.dispose]: () => undefined };
  }

  state(): ReturnType<ExposureQueue['state']> {
    return this.#database.read(() => this.#tables.totals());
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#isOpen = false;
    this.#wake();
    await this.#writes[Symbol.asyncDispose]();
    this.#database[Symbol.dispose]();
  }
}

function full(): FlagError {
  return new FlagError('exhausted', 'the queue has no room', { reason: 'QUEUE_FULL' });
}

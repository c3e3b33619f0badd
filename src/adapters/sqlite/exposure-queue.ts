import type { Clock } from '../../ports/clock.ts';
import type { Delivery, ExposureQueue, Parcel } from '../../ports/exposure-queue.ts';
import { checkParcel, LEASE_MS } from '../../ports/parcel-check.ts';
import { numberOf, type Row, textOf } from './columns.ts';
import { EXPOSURE_QUEUE_SCHEMA, type ParcelTables, parcelTables } from './exposure-parcels.ts';
import { type Database, type OpenOptions, openDatabase } from './open-database.ts';
import { type ParcelWrites, parcelWrites } from './parcel-writes.ts';
import { storeClosed } from './sqlite-errors.ts';
import { StoreThread } from './store-thread.ts';

export interface ExposureQueueOptions extends OpenOptions {
  readonly clock: Clock;
  /** No parcel is taken that would make it more, in bytes. */
  readonly maxBytes: number;
  /** For whom a minute is too long to wait. */
  readonly leaseMs?: number;
  /**
   * Another thread waits for the disk, so that this one never does. It is there while there is something to write, and
   * goes by the clock of the machine.
   */
  readonly inThread?: boolean;
}

/** How often somebody who waits looks for what other processes published. */
const LOOK_MS = 250;
const BUSY_PATIENCE_MS = 4_000;
/** How long a thread waits for more to write before it ends. */
const IDLE_MS = 30_000;
const ENTRY = new URL('./exposure-queue-thread.ts', import.meta.url);

/**
 * Opens the queue in a data directory, which is made if need be. Any number of processes may have it open. Whoever opens
 * it disposes of it.
 */
export async function openSqliteExposureQueue(
  directory: string,
  options: ExposureQueueOptions,
): Promise<ExposureQueue> {
  const patience: OpenOptions = { busyPatienceMs: BUSY_PATIENCE_MS, ...onlyOpen(options) };
  const open = () => openDatabase(directory, EXPOSURE_QUEUE_SCHEMA, patience);
  const database = await open();
  const { maxBytes, inThread } = options;
  const writes =
    inThread === true
      ? threadedWrites({ directory, options: patience, maxBytes })
      : parcelWrites(await open(), maxBytes, () => options.clock.now());
  return new SqliteExposureQueue(database, writes, options);
}

function onlyOpen({ busyPatienceMs }: OpenOptions): OpenOptions {
  return busyPatienceMs === undefined ? {} : { busyPatienceMs };
}

function threadedWrites(data: object): ParcelWrites {
  const thread = new StoreThread(ENTRY, data, IDLE_MS);
  const asking = (method: Exclude<keyof ParcelWrites, symbol>) => {
    const ask = (...values: readonly unknown[]) => thread.ask(method, values);
    return ask as never;
  };
  return {
    publish: asking('publish'),
    take: asking('take'),
    settle: asking('settle'),
    postpone: asking('postpone'),
    [Symbol.asyncDispose]: () => thread[Symbol.asyncDispose](),
  };
}

class SqliteExposureQueue implements ExposureQueue {
  /** To look: whoever writes has a connection of its own. */
  readonly #database: Database;
  readonly #tables: ParcelTables;
  readonly #writes: ParcelWrites;
  readonly #clock: Clock;
  readonly #leaseMs: number;
  readonly #takers = new Set<() => void>();
  #isOpen = true;

  constructor(database: Database, writes: ParcelWrites, { clock, leaseMs }: ExposureQueueOptions) {
    this.#database = database;
    this.#tables = parcelTables(database);
    this.#writes = writes;
    this.#clock = clock;
    this.#leaseMs = leaseMs ?? LEASE_MS;
  }

  async publish(parcel: Parcel): Promise<void> {
    checkParcel(parcel);
    await this.#writes.publish({ id: parcel.id, bytes: parcel.bytes });
    this.#wake();
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
    const rows = await this.#writes.take(limit, this.#leaseMs);
    return rows.map((row) => this.#deliveryOf(row));
  }

  #deliveryOf(row: Row): Delivery {
    const [number, attempt] = [numberOf(row, 'number'), numberOf(row, 'attempts')];
    const { bytes } = row;
    return {
      id: textOf(row, 'id'),
      bytes: bytes instanceof Uint8Array ? bytes : new Uint8Array(),
      attempt,
      publishedAt: numberOf(row, 'published_at'),
      done: () => this.#writes.settle(number, false),
      refuse: () => this.#writes.settle(number, true),
      again: async (delayMs) => {
        await this.#writes.postpone(number, attempt, delayMs);
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

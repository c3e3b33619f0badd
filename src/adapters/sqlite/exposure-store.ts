import type { ExposureStore, StoredBytes } from '../../ports/exposure-store.ts';
import { EXPOSURE_STORE_SCHEMA } from './exposure-schema.ts';
import { type OpenOptions, openDatabase } from './open-database.ts';
import { StoreThread } from './store-thread.ts';

export interface ExposureStoreOptions extends OpenOptions {
  /** How long a thread waits for more to do before it ends. Default: 30 s. */
  readonly idleMs?: number;
}

const DEFAULT_IDLE_MS = 30_000;
const ENTRY = new URL('./exposure-thread.ts', import.meta.url);

/**
 * Opens the store in a data directory, which is made if need be. Any number of processes may have it open. SQLite stops
 * whoever asks it until it has answered, so threads ask it here, each only while there is something to do: one writes, one
 * reads, and one looks at row after row to tell how people fared, which may take seconds that nobody else should have to
 * wait. Whoever opens the store disposes of it.
 */
export async function openSqliteExposureStore(
  directory: string,
  { idleMs = DEFAULT_IDLE_MS, ...options }: ExposureStoreOptions = {},
): Promise<ExposureStore> {
  // Whatever is wrong with the file is to be known now and not when it is first used.
  (await openDatabase(directory, EXPOSURE_STORE_SCHEMA, options))[Symbol.dispose]();
  const writer = new StoreThread(ENTRY, { directory, options }, idleMs);
  const reader = new StoreThread(ENTRY, { directory, options }, idleMs);
  const counter = new StoreThread(ENTRY, { directory, options }, idleMs);

  return {
    store: asking(writer, 'store'),
    // What is read where it is written need not be taken apart here, to be handed over piece by piece.
    storeBytes: async (id, bytes) => (await writer.ask('storeBytes', [id, bytes])) as StoredBytes,
    bury: asking(writer, 'bury'),
    exhume: asking(writer, 'exhume'),
    close: asking(writer, 'close'),
    erase: asking(writer, 'erase'),
    expire: asking(writer, 'expire'),
    deadLetters: asking(reader, 'deadLetters'),
    letterLabels: asking(reader, 'letterLabels'),
    ledger: asking(reader, 'ledger'),
    series: asking(reader, 'series'),
    activity: asking(reader, 'activity'),
    outcomes: asking(counter, 'outcomes'),
    contexts: asking(reader, 'contexts'),
    lastVariations: asking(reader, 'lastVariations'),
    rows: asking(reader, 'rows'),
    async [Symbol.asyncDispose]() {
      await Promise.all([writer, reader, counter].map((thread) => thread[Symbol.asyncDispose]()));
    },
  };
}

function asking<M extends Exclude<keyof ExposureStore, symbol>>(
  thread: StoreThread,
  method: M,
): ExposureStore[M] {
  const ask = (...values: readonly unknown[]) => thread.ask(method, values);
  return ask as ExposureStore[M];
}

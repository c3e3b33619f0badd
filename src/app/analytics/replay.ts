import { setImmediate as nextTurn } from 'node:timers/promises';
import { FlagError } from '../../core/errors.ts';
import type { DeadLetter, ExposureStore } from '../../ports/exposure-store.ts';
import { storeParcel } from '../exposures/store-parcel.ts';
import { isPassing } from '../exposures/write-failures.ts';

const AT_ONCE = 20;
const LABELS_AT_ONCE = 1_000;
const MOST = 1_000;

export interface Replayed {
  readonly replayed: readonly string[];
  /** Ids that stay letters, and why. */
  readonly failed: ReadonlyMap<string, string>;
  /** The last that was tried, if there may be others behind it. */
  readonly last?: string;
}

type Store = Pick<ExposureStore, 'deadLetters' | 'letterLabels' | 'exhume' | 'store' | 'storeBytes'>;

/**
 * Tries to read dead letters again, and stores those that can be read by now: a letter is removed once its batch is in the
 * tables, and the store counts that once, whoever is killed in between. Without ids: a thousand of those behind `after`.
 * Not by way of the queue, where a writer of an older version might take one and bury it where it is about to be removed.
 */
export async function replayDeadLetters(store: Store, ids: readonly string[], after = ''): Promise<Replayed> {
  const replayed: string[] = [];
  const failed = new Map(ids.map((id) => [id, 'there is no such letter']));
  let tried = 0;
  for await (const letter of ids.length > 0 ? lettersOf(store, new Set(ids)) : lettersBehind(store, after)) {
    const { id } = letter;
    const failure = await failureToStore(store, letter);
    if (failure !== undefined) failed.set(id, failure);
    else {
      failed.delete(id);
      replayed.push(id);
      await store.exhume(id);
    }
    if (++tried === MOST && ids.length === 0) return { replayed, failed, last: id };
  }
  return { replayed, failed };
}

/** Why it stays a letter; undefined if it is in the tables. Rejects when the store cannot be reached, or is full. */
async function failureToStore(store: Store, letter: DeadLetter): Promise<string | undefined> {
  await nextTurn();
  try {
    // Read where it is stored, if that is elsewhere: some became letters because whoever read them died.
    const { stored } = await storeParcel(store, letter);
    return stored === 'conflict' ? 'another batch with this id was stored' : undefined;
  } catch (error) {
    if (isPassing(error)) throw error;
    return error instanceof FlagError ? error.message : 'it cannot be stored';
  }
}

async function* lettersBehind(store: Store, start: string): AsyncGenerator<DeadLetter> {
  for (let after = start; ; ) {
    const page = await store.deadLetters(AT_ONCE, after);
    yield* page;
    const last = page.at(-1);
    if (last === undefined || page.length < AT_ONCE) return;
    after = last.id;
  }
}

/** Opens no others, however many there are. */
async function* lettersOf(store: Store, wanted: Set<string>): AsyncGenerator<DeadLetter> {
  for (let after = ''; wanted.size > 0; ) {
    const labels = await store.letterLabels(LABELS_AT_ONCE, after);
    for (const { id } of labels) {
      if (wanted.delete(id)) {
        // Some may have been buried between the two meanwhile.
        const found = await store.deadLetters(AT_ONCE, after);
        yield* found.filter((letter) => letter.id === id);
      }
      after = id;
    }
    if (labels.length < LABELS_AT_ONCE) return;
  }
}

import { FlagError } from '../../core/errors.ts';
import type { Clock } from '../../ports/clock.ts';
import type { ExposureQueue } from '../../ports/exposure-queue.ts';
import type { DeadLetter, ExposureStore } from '../../ports/exposure-store.ts';

const AT_ONCE = 20;
const MOST = 1_000;
/** A queue takes a parcel that it had a little earlier for a repetition, and drops it. */
const FORGOTTEN_AFTER_MS = 11 * 60_000;

export interface Replayed {
  readonly replayed: readonly string[];
  /** Ids that stay letters, and why. */
  readonly failed: ReadonlyMap<string, string>;
}

/**
 * Publishes dead letters again, as they are, and removes each once the queue has it: whoever is killed in between leaves
 * it in both, which the store counts once. One that a writer has buried again by then stays. Without ids: the first thousand. A letter that is younger than the memory of
 * the queue stays, and so do all that follow one for which the queue has no room.
 */
export async function replayDeadLetters(
  parts: {
    readonly store: Pick<ExposureStore, 'deadLetters' | 'exhume'>;
    readonly queue: Pick<ExposureQueue, 'publish'>;
    readonly clock: Clock;
  },
  ids: readonly string[],
): Promise<Replayed> {
  const { store, queue, clock } = parts;
  const wanted = new Set(ids);
  const replayed: string[] = [];
  const failed = new Map(ids.map((id) => [id, 'there is no such letter']));
  let full: string | undefined;
  for await (const { id, at, bytes } of lettersIn(store)) {
    if (ids.length > 0 && !wanted.delete(id)) continue;
    const refusal = full ?? refusalAt(at, clock.now());
    if (refusal !== undefined) failed.set(id, refusal);
    else
      try {
        await queue.publish({ id, bytes });
        await store.exhume(id, at);
        replayed.push(id);
        failed.delete(id);
      } catch (error) {
        if (!(error instanceof FlagError)) throw error;
        failed.set(id, error.message);
        if (error.kind !== 'invalid') full = error.message;
      }
    if (ids.length > 0 ? wanted.size === 0 : replayed.length + failed.size >= MOST) break;
  }
  return { replayed, failed };
}

async function* lettersIn(store: Pick<ExposureStore, 'deadLetters'>): AsyncGenerator<DeadLetter> {
  for (let after: string | undefined; ; ) {
    const page = await store.deadLetters(AT_ONCE, after);
    yield* page;
    const last = page.at(-1);
    if (last === undefined || page.length < AT_ONCE) return;
    after = last.id;
  }
}

function refusalAt(at: number, nowMs: number): string | undefined {
  const waitMs = at + FORGOTTEN_AFTER_MS - nowMs;
  return waitMs > 0
    ? `the queue would take it for a repetition: try again in ${Math.ceil(waitMs / 60_000)} minutes`
    : undefined;
}

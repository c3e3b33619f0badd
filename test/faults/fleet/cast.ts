import { createRandom, type Random } from '../../attacks/random.ts';
import { runReader } from '../clients/reader-client.ts';
import type { Service, Wish } from '../clients/service.ts';
import { runWatcher } from '../clients/watch-client.ts';
import { ANNA, BERT, LASTING_FLAGS, wishOf } from '../clients/wishes.ts';
import { type Knowledge, runWriter } from '../clients/writer-client.ts';
import type { ViewSeen } from '../history/history.ts';
import type { Recorder } from '../history/recorder.ts';

/** Who takes part in a scene. */
export interface Cast {
  readonly writers: number;
  readonly watchers: number;
  readonly readers: number;
  /** How long writers wait between two changes, at the most. */
  readonly thinkMs: number;
  /** Default: anything. */
  readonly wish?: (random: Random, knowledge: Knowledge, key: string) => Wish;
}

export const DEFAULT_CAST: Cast = { writers: 6, watchers: 4, readers: 2, thinkMs: 60 };

/** What the cast has in common. */
export interface Stage {
  readonly recorder: Recorder;
  readonly random: Random;
  readonly services: readonly Service[];
  readonly knowledge: Knowledge;
  sleep(ms: number): Promise<void>;
}

/** Sets everybody to work. Writers bring to its end what they had begun when `writing` is aborted. */
export function runCast(
  { recorder, random, services, knowledge, sleep }: Stage,
  cast: Cast,
  over: { readonly writing: AbortSignal; readonly watching: AbortSignal },
) {
  const shared = { recorder, services, knowledge };
  const wishes = cast.wish ?? wishOf;
  const own = () => createRandom(random.whole(2 ** 31));
  const pace = { sleep, over: over.writing };
  const writers = Array.from({ length: cast.writers }, (_, number) => {
    const name = `writer-${number + 1}`;
    const chance = own();
    const wish = (count: number) => wishes(chance, knowledge, `${name}-${count}`);
    return runWriter({ ...shared, random: chance, name, wish, pace, thinkMs: cast.thinkMs });
  });
  const watchers = Array.from({ length: cast.watchers }, (_, number) => {
    const view: ViewSeen = number % 3 === 2 ? { kind: 'decisions', context: ANNA } : { kind: 'definitions' };
    return runWatcher({
      ...{
        ...shared,
        random: own(),
        name: `watcher-${number + 1}`,
        environment: knowledge.environment,
        view,
      },
      ...{ pace: { sleep, over: over.watching }, slowMs: number === 1 ? 300 : 0, leavesOneIn: 40 },
    });
  });
  const readers = Array.from({ length: cast.readers }, () =>
    runReader({ ...shared, random: own(), contexts: [ANNA, BERT], flags: LASTING_FLAGS, pace, thinkMs: 60 }),
  );
  return { writers: Promise.all(writers), others: Promise.all([...watchers, ...readers]) };
}

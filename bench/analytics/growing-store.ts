import { monitorEventLoopDelay } from 'node:perf_hooks';
import type { ExposureStore } from '../../src/ports/exposure-store.ts';
import { QUESTIONS } from './questions.ts';
import { batchOf, EVALUATIONS_A_BATCH } from './recorded.ts';

/** What was found with so many evaluations in the store. */
export interface Stage {
  readonly size: number;
  /** While it grew to that size from the one before. */
  readonly storedPerSecond: number;
  /** Of all threads of this process, for each evaluation: the same however busy the machine is. */
  readonly processorUs: number;
  /** How long the event loop was kept from turning meanwhile, at worst and in 99 of 100 turns. */
  readonly worstDelayMs: number;
  readonly delayMs: number;
  /** The fewest milliseconds by the title of the question: what else the machine does only adds to them. */
  readonly asked: ReadonlyMap<string, number>;
}

export interface GrowthOptions {
  readonly sizes: readonly number[];
  readonly rounds: number;
  /** No larger size is begun after that. */
  readonly patienceMs: number;
  readonly tell: (line: string) => void;
}

/** As many as a writer has under way. */
const AT_ONCE = 4;

/** Fills a store up to one size after the other, and asks it everything at each. */
export async function growStore(
  name: string,
  store: ExposureStore,
  { sizes, rounds, patienceMs, tell }: GrowthOptions,
): Promise<readonly Stage[]> {
  const stages: Stage[] = [];
  const until = performance.now() + patienceMs;
  for (const size of sizes) {
    if (performance.now() > until) break;
    tell(`analytics: ${name}, up to ${size.toLocaleString('en-US')} evaluations`);
    const filled = await fill(store, stages.at(-1)?.size ?? 0, size, until);
    stages.push({ ...filled, asked: await askEverything(store, filled.size, rounds) });
  }
  return stages;
}

/** Stops before the size is reached if it takes too long. */
async function fill(store: ExposureStore, from: number, to: number, until: number) {
  using delays = histogram();
  const began = performance.now();
  const usedBefore = process.cpuUsage();
  let next = from / EVALUATIONS_A_BATCH;
  const end = to / EVALUATIONS_A_BATCH;
  while (next < end && performance.now() < until) {
    const batches = Array.from({ length: Math.min(AT_ONCE, end - next) }, (_, index) =>
      batchOf(next + index),
    );
    await Promise.all(batches.map((batch) => store.store(batch)));
    next += batches.length;
  }
  const size = next * EVALUATIONS_A_BATCH;
  const seconds = (performance.now() - began) / 1_000;
  const { user, system } = process.cpuUsage(usedBefore);
  const count = size - from;
  return { size, storedPerSecond: count / seconds, processorUs: (user + system) / count, ...delays.read() };
}

function histogram() {
  const delays = monitorEventLoopDelay({ resolution: 5 });
  delays.enable();
  return {
    read: () => ({ worstDelayMs: delays.max / 1e6, delayMs: delays.percentile(99) / 1e6 }),
    [Symbol.dispose]: () => delays.disable(),
  };
}

async function askEverything(
  store: ExposureStore,
  size: number,
  rounds: number,
): Promise<ReadonlyMap<string, number>> {
  const asked = new Map<string, number>();
  for (const { title, ask } of QUESTIONS) {
    const tookMs: number[] = [];
    for (let round = 0; round < rounds; round++) {
      const began = performance.now();
      await ask(store, size, round);
      tookMs.push(performance.now() - began);
    }
    asked.set(title, Math.min(...tookMs));
  }
  return asked;
}

import { medianOf } from './summary.ts';

/** Does the work for the input of this index and returns something of the result, so that none of it can be left out. */
export type Work =
  | { readonly kind: 'sync'; readonly run: (index: number) => number }
  | { readonly kind: 'async'; readonly run: (index: number) => Promise<number> };

export interface Timing {
  /** How long the work runs before anything counts. */
  readonly warmUpMs: number;
  readonly batches: number;
  /** Linux brings a thread's clock up to date every few milliseconds, so a short batch is measured badly. */
  readonly batchMs: number;
}

/**
 * Nanoseconds of processor time that one run takes on this thread: the median over batches, after a warm-up. The
 * inputs 0 to `inputs` - 1 take turns. Time during which the thread did not run, because the machine was busy with
 * something else, does not count.
 */
export async function measure(work: Work, inputs: number, timing: Timing): Promise<number> {
  let size = 1;
  let lastMs = 0;
  for (let spentMs = 0; spentMs < timing.warmUpMs; spentMs += lastMs) {
    lastMs = await timeBatch(work, inputs, size);
    if (lastMs < timing.batchMs / 2) size *= 2;
  }
  const count = Math.max(1, Math.round((size * timing.batchMs) / Math.max(lastMs, 0.001)));
  const results: number[] = [];
  for (let batch = 0; batch < timing.batches; batch++) {
    results.push(((await timeBatch(work, inputs, count)) * 1e6) / count);
  }
  return medianOf(results);
}

/** Where what the work returns ends up. */
let sink = 0;

async function timeBatch(work: Work, inputs: number, count: number): Promise<number> {
  const start = process.threadCpuUsage();
  sink += work.kind === 'sync' ? repeat(work.run, inputs, count) : await repeatAsync(work.run, inputs, count);
  const { user, system } = process.threadCpuUsage(start);
  if (Number.isNaN(sink)) throw new Error('the work returned something that is not a number');
  return (user + system) / 1000;
}

function repeat(run: (index: number) => number, inputs: number, count: number): number {
  let sum = 0;
  for (let done = 0, index = 0; done < count; done++) {
    sum += run(index);
    if (++index === inputs) index = 0;
  }
  return sum;
}

async function repeatAsync(
  run: (index: number) => Promise<number>,
  inputs: number,
  count: number,
): Promise<number> {
  let sum = 0;
  for (let done = 0, index = 0; done < count; done++) {
    sum += await run(index);
    if (++index === inputs) index = 0;
  }
  return sum;
}

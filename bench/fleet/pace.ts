import { sharedMs } from './shared-clock.ts';

/** Does something so many times, one after the other, beginning every so many milliseconds, or later if it takes longer. */
export async function pace<T>(
  times: number,
  everyMs: number,
  act: (index: number) => Promise<T>,
): Promise<T[]> {
  const results: T[] = [];
  const fromMs = sharedMs();
  for (let index = 0; index < times; index++) {
    const waitMs = fromMs + index * everyMs - sharedMs();
    if (waitMs > 0) await new Promise((resolve) => setTimeout(resolve, waitMs));
    results.push(await act(index));
  }
  return results;
}

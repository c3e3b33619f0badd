import { expect, it } from 'vitest';
import { until } from '../../src/app/until.ts';

async function* counting(end = Number.POSITIVE_INFINITY) {
  for (let item = 1; item <= end; item++) yield item;
}

it('passes on all items of a source that ends', async () => {
  const items: number[] = [];
  for await (const item of until(counting(3), new AbortController().signal)) items.push(item);
  expect(items).toEqual([1, 2, 3]);
});

it('ends with the reason of the signal, also while it waits for an item that never comes', async () => {
  const ended = new AbortController();
  const silent: AsyncIterable<number> = {
    [Symbol.asyncIterator]: () => ({ next: () => new Promise<never>(() => undefined) }),
  };
  const next = until(silent, ended.signal).next();
  ended.abort(new Error('enough'));
  await expect(next).rejects.toThrow('enough');
  await expect(until(counting(), ended.signal).next()).rejects.toThrow('enough');
});

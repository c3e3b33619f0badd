import { expect } from 'vitest';
import { LARGEST_PARCEL_BYTES } from '../../src/ports/parcel-check.ts';
import type { Check } from './contract.ts';
import type { QueueStore } from './exposure-queue.ts';
import { drained, idsOf, parcel, refusal } from './exposure-queue-asking.ts';

/** What a queue does when there is too much. */
export const limitChecks: readonly Check<QueueStore>[] = [
  {
    title: 'hands out no more at a time than was asked for',
    async run(store) {
      await using queue = await store.open();
      for (const id of ['a', 'b', 'c']) await queue.publish(parcel(id));
      const pages = [await queue.take(2, 1_000), await queue.take(2, 1_000)];
      expect(pages.map((page) => page.length)).toEqual([2, 1]);
      expect(idsOf(pages.flat())).toEqual(['a', 'b', 'c']);
    },
  },
  {
    title: 'says when it has no room, and then keeps nothing, and drops nothing that it has',
    async run(store) {
      await using queue = await store.open();
      const bytes = new Uint8Array(LARGEST_PARCEL_BYTES);
      const kept: string[] = [];
      let why: string | undefined;
      for (let index = 0; why === undefined; index++) {
        expect(index * bytes.length).toBeLessThan(store.roomBytes * 2);
        const id = `p-${index}`;
        why = await refusal(queue.publish({ id, bytes }));
        if (why === undefined) kept.push(id);
      }
      expect(why).toBe('exhausted');
      expect(await refusal(queue.publish({ id: 'late', bytes }))).toBe('exhausted');
      expect(kept.length).toBeGreaterThan(1);
      expect((await queue.state()).waiting).toBe(kept.length);
      expect(idsOf(await drained(queue, kept.length))).toEqual(kept.toSorted());
    },
  },
  {
    title: 'refuses for good what it can never take',
    async run(store) {
      await using queue = await store.open();
      const tooLarge = new Uint8Array(LARGEST_PARCEL_BYTES * 4);
      expect(await refusal(queue.publish({ id: 'large', bytes: tooLarge }))).toBe('invalid');
      for (const id of ['', 'a b', 'a\nb', 'ä', 'x'.repeat(129)])
        expect(await refusal(queue.publish(parcel(id)))).toBe('invalid');
      await queue.publish(parcel('a'));
      expect(idsOf(await drained(queue, 1))).toEqual(['a']);
    },
  },
];

import fc from 'fast-check';
import { expect } from 'vitest';
import type { ExposureQueue, Parcel } from '../../src/ports/exposure-queue.ts';
import { LARGEST_PARCEL_BYTES } from '../../src/ports/parcel-check.ts';
import { type Check, declareContract, type Store } from './contract.ts';
import { drained, idsOf, parcel, parcels, refusal, takeOne } from './exposure-queue-asking.ts';
import { limitChecks } from './exposure-queue-limits.ts';
import { queueModel } from './exposure-queue-model.ts';

/** Where queues with the same parcels are made. */
export interface QueueStore extends Store<ExposureQueue> {
  /** How long a parcel is kept for whoever took it: a second or less, not a minute. */
  readonly leaseMs: number;
  /** What all parcels together may have, about: a few MiB. */
  readonly roomBytes: number;
  /** Kills whatever keeps the parcels, without a warning, and brings it back. Handles are to be opened anew. */
  crash(): Promise<void>;
}

const EVERY_BYTE = Uint8Array.from({ length: 512 }, (_, index) => index % 256);

/** What the port `ExposureQueue` demands of every adapter. */
export const exposureQueueChecks: readonly Check<QueueStore>[] = [
  {
    title: 'hands out what was published, to the last byte, whoever published it',
    async run(store) {
      await using one = await store.open();
      await using other = await store.open();
      const sent: Parcel[] = [
        { id: 'process-1:1', bytes: EVERY_BYTE },
        { id: '!~"#$%&\'()*+,-./:;<=>?@[\\]^_`{|}', bytes: new Uint8Array(1) },
        { id: 'x'.repeat(128), bytes: new Uint8Array(LARGEST_PARCEL_BYTES).fill(255) },
        { id: 'empty', bytes: new Uint8Array() },
      ];
      for (const [index, each] of sent.entries()) await (index % 2 === 0 ? one : other).publish(each);
      const taken = await drained(other, sent.length);
      const byId = new Map(taken.map((each) => [each.id, each]));
      for (const { id, bytes } of sent) {
        expect(Buffer.compare(byId.get(id)?.bytes ?? Buffer.of(9), bytes)).toBe(0);
        expect(byId.get(id)?.attempt).toBe(1);
        expect(byId.get(id)?.publishedAt).toBeGreaterThan(Date.UTC(2020, 0));
      }
      expect(taken).toHaveLength(sent.length);
    },
  },
  {
    title: 'keeps one of several parcels with the same id: published at once, waiting, taken or dealt with',
    async run(store) {
      await using one = await store.open();
      await using other = await store.open();
      const queues = [one, other, one, other];
      await Promise.all(queues.map((queue) => queue.publish(parcel('same'))));
      for (const queue of queues) await queue.publish(parcel('same'));
      const [taken, ...more] = await drained(one, 1);
      expect([taken?.id, more]).toEqual(['same', []]);
      for (const queue of queues) await queue.publish(parcel('same'));
      expect(await other.take(10, 0)).toEqual([]);
      await taken?.done();
      for (const queue of queues) await queue.publish(parcel('same'));
      await one.publish(parcel('next'));
      expect(idsOf(await drained(other, 1))).toEqual(['next']);
      expect((await one.state()).waiting).toBe(1);
    },
  },
  {
    title: 'hands each parcel to one of many takers at once',
    async run(store) {
      await using one = await store.open();
      await using other = await store.open();
      const sent = parcels(40);
      await Promise.all(sent.map((each) => one.publish(each)));
      const takers = [one, other, one, other].map((queue) => drained(queue, 40));
      const taken = (await Promise.all(takers)).flat();
      expect(idsOf(taken)).toEqual(sent.map(({ id }) => id).toSorted());
    },
  },
  {
    title: 'hands a parcel out again, to anybody, if nobody says in time what became of it',
    async run(store) {
      await using one = await store.open();
      await using other = await store.open();
      await one.publish(parcel('a'));
      const first = await takeOne(one);
      expect(await other.take(10, 0)).toEqual([]);
      const second = await takeOne(other, store.leaseMs * 20);
      expect([second.id, second.attempt, second.publishedAt]).toEqual(['a', 2, first.publishedAt]);
      expect(second.bytes).toEqual(first.bytes);
    },
  },
  {
    title: 'never hands out again what was dealt with, or refused',
    async run(store) {
      await using one = await store.open();
      await using other = await store.open();
      for (const each of parcels(3)) await one.publish(each);
      const taken = await drained(one, 3);
      const [done, refused, left] = taken;
      await done?.done();
      await refused?.refuse();
      expect(await other.state()).toMatchObject({ waiting: 1 });
      const again = await takeOne(other, store.leaseMs * 20);
      expect(again.id).toBe(left?.id);
      await again.done();
      expect(await one.take(10, store.leaseMs * 2)).toEqual([]);
      expect(await one.state()).toMatchObject({ waiting: 0 });
    },
  },
  {
    title: 'takes it for dealt with also when the one who says so comes late',
    async run(store) {
      await using one = await store.open();
      await using other = await store.open();
      await one.publish(parcel('a'));
      const first = await takeOne(one);
      await takeOne(other, store.leaseMs * 20);
      await first.done();
      expect(await other.take(10, store.leaseMs * 3)).toEqual([]);
      expect(await one.state()).toMatchObject({ waiting: 0 });
    },
  },
  {
    title: 'hands out again what was given back, when its time has come',
    async run(store) {
      await using one = await store.open();
      await using other = await store.open();
      for (const each of parcels(2)) await one.publish(each);
      const [soon, later] = await drained(one, 2);
      await later?.again(store.leaseMs * 4 + 0.1);
      await soon?.again(0);
      const second = await takeOne(other, store.leaseMs / 2);
      expect([second.id, second.attempt]).toEqual([soon?.id, 2]);
      await second.done();
      expect(await one.take(10, 0)).toEqual([]);
      const third = await takeOne(one, store.leaseMs * 20);
      expect([third.id, third.attempt]).toEqual([later?.id, 2]);
    },
  },
  {
    title: 'has everything that was published, and every id that was dealt with, after a crash',
    async run(store) {
      const sent = parcels(5);
      const before = await store.open();
      for (const each of sent) await before.publish(each);
      const [first] = await drained(before, 5);
      await first?.done();
      await store.crash();
      await before[Symbol.asyncDispose]();
      await using after = await store.open();
      for (const each of sent) await after.publish(each);
      const left = new Set<string>();
      // The crash may have undone that the first was dealt with.
      for (let page = [first]; page.length > 0 && left.size < 4; ) {
        page = [...(await after.take(10, store.leaseMs * 10))];
        for (const each of page) {
          if (each !== undefined && each.id !== first?.id) left.add(each.id);
          await each?.done();
        }
      }
      expect(left.size).toBe(4);
      expect(await after.take(10, store.leaseMs * 2)).toEqual([]);
      expect(await after.state()).toMatchObject({ waiting: 0 });
    },
  },
  {
    title: 'lets whoever takes wait for the first parcel, until it is told not to',
    async run(store) {
      await using one = await store.open();
      await using other = await store.open();
      expect(await one.take(10, 0)).toEqual([]);
      const waiting = one.take(10, 20_000);
      await other.publish(parcel('a'));
      expect(idsOf(await waiting)).toEqual(['a']);
      const ending = new AbortController();
      const inVain = one.take(10, 20_000, ending.signal);
      ending.abort();
      expect(await inVain).toEqual([]);
      expect(await one.take(10, 20_000, ending.signal)).toEqual([]);
      await one.publish(parcel('b'));
      expect(idsOf(await drained(other, 1))).toEqual(['b']);
    },
  },
  ...limitChecks,
  {
    title: 'counts what nobody has dealt with, and what that takes',
    async run(store) {
      await using queue = await store.open();
      const before = await queue.state();
      expect(before.waiting).toBe(0);
      for (const each of parcels(3)) await queue.publish({ ...each, bytes: new Uint8Array(1_000) });
      const after = await queue.state();
      expect(after.waiting).toBe(3);
      expect(after.bytes - before.bytes).toBeGreaterThanOrEqual(3_000);
      const [taken] = await drained(queue, 3);
      expect(await queue.state()).toMatchObject({ waiting: 3 });
      await taken?.done();
      await taken?.done();
      expect(await queue.state()).toMatchObject({ waiting: 2 });
    },
  },
  {
    title: 'is connected until it is disposed, and unavailable from then on',
    async run(store) {
      const queue = await store.open();
      expect(queue.connected()).toBe(true);
      await queue.publish(parcel('a'));
      const delivery = await takeOne(queue);
      using _handle = queue.onConnected(() => undefined);
      await queue[Symbol.asyncDispose]();
      expect(queue.connected()).toBe(false);
      for (const asked of [
        queue.publish(parcel('b')),
        queue.take(1, 0),
        queue.state(),
        delivery.done(),
        delivery.again(0),
        delivery.refuse(),
      ])
        expect(await refusal(asked)).toBe('unavailable');
    },
  },
  {
    title: 'does as a list in memory does, whatever is asked of it, in whatever order',
    async run(store) {
      await using one = await store.open();
      await using other = await store.open();
      const runs = fc.sample(queueModel.steps, { numRuns: 6, seed: 20_261_121 });
      for (const [index, steps] of runs.entries()) await queueModel.run([one, other], `run-${index}`, steps);
    },
  },
];

/** Declares the suite for one adapter. */
export function declareExposureQueueContract(name: string, createStore: () => Promise<QueueStore>): void {
  declareContract(`${name} keeps the contract of the exposure queue`, exposureQueueChecks, createStore);
}

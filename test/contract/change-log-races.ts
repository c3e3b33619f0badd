import { expect } from 'vitest';
import type { Change } from '../../src/core/change.ts';
import type { AppendResult, ChangeLog } from '../../src/ports/change-log.ts';
import { appendAll, expectLog } from './change-log-append.ts';
import type { Check, Store } from './contract.ts';
import { chain, changeAfter } from './samples.ts';

const APPENDERS = 20;

function tally(results: readonly AppendResult[]): Record<AppendResult['kind'], number> {
  const counts = { appended: 0, slot_taken: 0, already_done: 0 };
  for (const { kind } of results) counts[kind]++;
  return counts;
}

/** Appends that many changes, each as often as it takes to get a slot. */
async function appendUntilDone(log: ChangeLog, writer: string, count: number): Promise<void> {
  for (let done = 0; done < count; ) {
    const change = changeAfter('shop', await log.head('shop'), { idempotencyKey: `${writer}-${done}` });
    if ((await log.append(change)).kind === 'appended') done++;
  }
}

/** Demands that revisions and hashes follow on each other from the start. */
function expectChain(changes: readonly Change[]): void {
  expect(changes.map((change) => change.revision)).toEqual(changes.map((_, index) => index + 1));
  expect(changes.map((change) => change.previousHash)).toEqual([
    ...(changes.length === 0 ? [] : ['']),
    ...changes.slice(0, -1).map((change) => change.hash),
  ]);
}

export const raceChecks: readonly Check<Store<ChangeLog>>[] = [
  {
    title: 'lets exactly one of several concurrent appends to a slot succeed',
    async run(store) {
      await using log = await store.open();
      const base = chain('shop', 2);
      await appendAll(log, base);
      const rivals = Array.from({ length: APPENDERS }, (_, index) =>
        changeAfter('shop', base[1], { idempotencyKey: `rival-${index}` }),
      );
      const results = await Promise.all(rivals.map((change) => log.append(change)));
      expect(tally(results)).toEqual({ appended: 1, slot_taken: APPENDERS - 1, already_done: 0 });
      const winner = rivals[results.findIndex((result) => result.kind === 'appended')];
      await expectLog(log, 'shop', winner === undefined ? [] : [...base, winner]);
    },
  },
  {
    title:
      'lets exactly one of several concurrent appends to the first slot succeed, from any number of handles',
    async run(store) {
      await using one = await store.open();
      await using other = await store.open();
      const rivals = Array.from({ length: APPENDERS }, (_, index) =>
        changeAfter('shop', undefined, { idempotencyKey: `rival-${index}` }),
      );
      const results = await Promise.all(
        rivals.map((change, index) => (index % 2 === 0 ? one : other).append(change)),
      );
      expect(tally(results)).toEqual({ appended: 1, slot_taken: APPENDERS - 1, already_done: 0 });
      const winner = rivals[results.findIndex((result) => result.kind === 'appended')];
      await expectLog(one, 'shop', winner === undefined ? [] : [winner]);
      await expectLog(other, 'shop', winner === undefined ? [] : [winner]);
    },
  },
  {
    title: 'answers appended once and already_done otherwise when one change is appended many times at once',
    async run(store) {
      await using one = await store.open();
      await using other = await store.open();
      const change = changeAfter('shop', undefined);
      const results = await Promise.all(
        Array.from({ length: APPENDERS }, (_, index) =>
          (index % 2 === 0 ? one : other).append({ ...change }),
        ),
      );
      expect(tally(results)).toEqual({ appended: 1, slot_taken: 0, already_done: APPENDERS - 1 });
      for (const result of results) if (result.kind === 'already_done') expect(result.change).toEqual(change);
      await expectLog(one, 'shop', [change]);
    },
  },
  {
    title: 'loses and doubles nothing when writers with handles of their own compete',
    async run(store) {
      await using one = await store.open();
      await using other = await store.open();
      const writers = ['a', 'b', 'c', 'd'];
      await Promise.all(
        writers.map((writer, index) => appendUntilDone(index % 2 === 0 ? one : other, writer, 5)),
      );
      const changes = await one.read('shop', 0, 1_000);
      expectChain(changes);
      expect(changes.map((change) => change.idempotencyKey).sort()).toEqual(
        writers.flatMap((writer) => [0, 1, 2, 3, 4].map((index) => `${writer}-${index}`)),
      );
    },
  },
  {
    title: 'shows a change to every handle once it is acknowledged',
    async run(store) {
      await using writer = await store.open();
      await using reader = await store.open();
      const changes = chain('shop', 10);
      for (const [index, change] of changes.entries()) {
        await appendAll(writer, [change]);
        await expectLog(reader, 'shop', changes.slice(0, index + 1));
        expect(await reader.byIdempotencyKey('shop', change.idempotencyKey)).toEqual(change);
      }
    },
  },
  {
    title: 'reads in order and without gaps while others append',
    async run(store) {
      await using writer = await store.open();
      await using reader = await store.open();
      for (const change of chain('shop', 40)) {
        const [result, changes] = await Promise.all([writer.append(change), reader.read('shop', 0, 1_000)]);
        expect(result.kind).toBe('appended');
        expectChain(changes);
        expect([change.revision - 1, change.revision]).toContain(changes.length);
      }
      expectChain(await reader.read('shop', 0, 1_000));
    },
  },
];

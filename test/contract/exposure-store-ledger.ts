import { expect } from 'vitest';
import type { ExposureStore } from '../../src/ports/exposure-store.ts';
import type { Check, Store } from './contract.ts';
import {
  batch,
  entryOf,
  evaluation,
  HOUR,
  letter,
  START,
  storeAll,
  unaccounted,
} from './exposure-samples.ts';
import { CONFUSABLE, inCodePointOrder } from './samples.ts';

const ONE = { evaluations: [evaluation()] };

export const ledgerChecks: readonly Check<Store<ExposureStore>>[] = [
  {
    title:
      'knows of each process what it accepted at most, what is stored, what was lost for which reason, and when',
    async run(store) {
      await using exposures = await store.open();
      const losses = [{ reason: 'sampled' as const, units: 4 }];
      await storeAll(exposures, [
        batch({
          sequence: 2,
          evaluations: [evaluation({ count: 5, time: START + 70 })],
          losses,
          acceptedSoFar: 20,
        }),
        batch({
          sequence: 1,
          ...ONE,
          losses: [...losses, { reason: 'too_large', units: 1 }],
          acceptedSoFar: 9,
        }),
        batch({ sequence: 3, hour: HOUR - 2, acceptedSoFar: 20, losses }),
        batch({ process: 'q', ...ONE }),
      ]);
      expect(await entryOf(exposures)).toEqual({
        ...{ process: 'p', accepted: 20, stored: 6, deadLettered: 0, highestSequence: 3, missing: [] },
        lost: new Map([
          ['sampled', 12],
          ['too_large', 1],
        ]),
        ...{ firstAt: START - 2 * 3_600_000, lastAt: START + 70 },
      });
      expect(await entryOf(exposures, 'q')).toMatchObject({ accepted: 1, stored: 1, lost: new Map() });
    },
  },
  {
    title: 'names the sequences that are missing, until they are there',
    async run(store) {
      await using exposures = await store.open();
      const missing = async () => (await entryOf(exposures)).missing;
      const put = (sequence: number) => storeAll(exposures, [batch({ sequence, ...ONE })]);
      await put(3);
      expect(await missing()).toEqual([{ from: 1, to: 2 }]);
      await put(7);
      await put(9);
      expect(await missing()).toEqual([
        { from: 1, to: 2 },
        { from: 4, to: 6 },
        { from: 8, to: 8 },
      ]);
      await put(5);
      await put(8);
      await put(1);
      expect(await missing()).toEqual([
        { from: 2, to: 2 },
        { from: 4, to: 4 },
        { from: 6, to: 6 },
      ]);
      for (const sequence of [6, 4, 2]) await put(sequence);
      expect(await missing()).toEqual([]);
    },
  },
  {
    title: 'counts what was declared of a batch until it arrives after all, and no longer',
    async run(store) {
      await using exposures = await store.open();
      const losses = [
        { reason: 'queue_refused' as const, units: 10, sequence: 1 },
        { reason: 'sampled' as const, units: 2, sequence: 1 },
      ];
      await storeAll(exposures, [batch({ sequence: 2, ...ONE, losses, acceptedSoFar: 13 })]);
      const before = await entryOf(exposures);
      expect(before).toMatchObject({
        stored: 1,
        missing: [],
        lost: new Map([
          ['queue_refused', 10],
          ['sampled', 2],
        ]),
      });
      expect(unaccounted(before)).toBe(0);
      const late = [evaluation({ count: 10 })];
      const own = [{ reason: 'sampled' as const, units: 2 }];
      await storeAll(exposures, [batch({ sequence: 1, evaluations: late, losses: own })]);
      const after = await entryOf(exposures);
      expect(after).toMatchObject({ stored: 11, lost: new Map([['sampled', 2]]) });
      expect(unaccounted(after)).toBe(0);
    },
  },
  {
    title: 'counts what is declared of a batch again once for each reason',
    async run(store) {
      await using exposures = await store.open();
      const losses = [{ reason: 'queue_refused' as const, units: 10, sequence: 1 }];
      await storeAll(exposures, [
        batch({ sequence: 2, ...ONE, losses, acceptedSoFar: 11 }),
        batch({ sequence: 4, ...ONE, losses: [...losses, { reason: 'too_large', units: 3, sequence: 3 }] }),
        batch({
          process: 'q',
          losses: [{ reason: 'queue_refused', units: 1, sequence: 1 }],
          acceptedSoFar: 1,
        }),
      ]);
      const { lost, missing } = await entryOf(exposures);
      expect(lost).toEqual(
        new Map([
          ['queue_refused', 10],
          ['too_large', 3],
        ]),
      );
      expect(missing).toEqual([]);
    },
  },
  {
    title: 'counts as killed what a process that ended had accepted and is nowhere, for as long as it is',
    async run(store) {
      await using exposures = await store.open();
      await storeAll(exposures, [batch({ ...ONE, losses: [{ reason: 'sampled', units: 2 }] })]);
      await exposures.close('p', 10, START + 90);
      await exposures.close('p', 8, START + 20);
      const ended = await entryOf(exposures);
      expect(ended).toMatchObject({ accepted: 10, stored: 1, firstAt: START, lastAt: START + 90 });
      expect(ended.lost).toEqual(
        new Map([
          ['sampled', 2],
          ['killed', 7],
        ]),
      );
      await storeAll(exposures, [batch({ sequence: 2, evaluations: [evaluation({ count: 4 })] })]);
      expect((await entryOf(exposures)).lost).toEqual(
        new Map([
          ['sampled', 2],
          ['killed', 3],
        ]),
      );
      await storeAll(exposures, [batch({ sequence: 3, evaluations: [evaluation({ count: 3 })] })]);
      const complete = await entryOf(exposures);
      expect(complete.lost).toEqual(new Map([['sampled', 2]]));
      expect(unaccounted(complete)).toBe(0);
    },
  },
  {
    title: 'remembers a process of which only its end is known',
    async run(store) {
      {
        await using exposures = await store.open();
        await exposures.close('silent', 5, START);
      }
      await using exposures = await store.open();
      expect(await entryOf(exposures, 'silent')).toEqual({
        ...{ process: 'silent', accepted: 5, stored: 0, deadLettered: 0, highestSequence: 0, missing: [] },
        ...{ lost: new Map([['killed', 5]]), firstAt: START, lastAt: START },
      });
    },
  },
  {
    title: 'keeps letters until they are removed, one of each id, and lists them in code point order',
    async run(store) {
      const ids = inCodePointOrder(CONFUSABLE.map((text) => `${text}:1`));
      {
        await using exposures = await store.open();
        for (const id of ids.toReversed()) await exposures.bury(letter(id, { error: `no ${id}` }));
        await exposures.bury(letter(ids[0] ?? '', { error: 'again', bytes: Uint8Array.of() }));
      }
      await using exposures = await store.open();
      const all = ids.map((id) => letter(id, { error: `no ${id}` }));
      const labels = all.map(({ bytes, ...label }) => ({ ...label, size: bytes.length }));
      expect(await exposures.deadLetters(1_000)).toEqual(all);
      expect(await exposures.letterLabels(1_000)).toEqual(labels);
      expect(await exposures.deadLetters(2, ids[3])).toEqual(all.slice(4, 6));
      expect(await exposures.letterLabels(2, ids[3])).toEqual(labels.slice(4, 6));
      expect(await exposures.exhume(ids[4] ?? '')).toBe(true);
      expect(await exposures.exhume(ids[4] ?? '')).toBe(false);
      expect(await exposures.deadLetters(2, ids[3])).toEqual(all.slice(5, 7));
    },
  },
  {
    title: 'keeps the first bytes of a letter, and what was said of it last',
    async run(store) {
      await using exposures = await store.open();
      const first = letter('p:1', { units: 2 });
      const later = letter('p:1', { bytes: Uint8Array.of(), error: 'again', at: START + 5, attempts: 1 });
      await exposures.bury(first);
      await exposures.bury(later);
      const known = [{ ...later, bytes: first.bytes }];
      expect(await exposures.deadLetters(10)).toEqual(known);
      const { bytes, ...label } = later;
      expect(await exposures.letterLabels(10)).toEqual([{ ...label, size: first.bytes.length }]);
      expect(await entryOf(exposures)).toMatchObject({ deadLettered: 0, lastAt: START + 5 });
      await exposures.bury({ ...first, error: 'late' });
      expect(await exposures.deadLetters(10)).toEqual(known);
    },
  },
  {
    title: 'removes a letter that was buried at that time, and none that was buried again',
    async run(store) {
      await using exposures = await store.open();
      await exposures.bury(letter('p:1'));
      await exposures.bury(letter('p:1', { at: START + 5 }));
      expect(await exposures.exhume('p:1', START)).toBe(false);
      expect(await exposures.deadLetters(10)).toHaveLength(1);
      expect(await exposures.exhume('p:1', START + 5)).toBe(true);
      expect(await exposures.deadLetters(10)).toEqual([]);
    },
  },
  {
    title: 'has a letter in the ledger of the process that its id names, unless its sequence is stored',
    async run(store) {
      await using exposures = await store.open();
      await storeAll(exposures, [batch({ sequence: 3, ...ONE, acceptedSoFar: 9 })]);
      for (const id of ['no-name', 'p:0', 'p:01', 'p:x', ':1'])
        await exposures.bury(letter(id, { units: 7, at: START + 900 }));
      await exposures.bury(letter('p:2', { units: 8, at: START + 50 }));
      await exposures.bury(letter('p:3', { units: 1 }));
      await exposures.bury(letter('x:y:4'));
      expect(await entryOf(exposures)).toMatchObject({
        ...{ accepted: 9, stored: 1, deadLettered: 8, missing: [{ from: 1, to: 1 }], lastAt: START + 50 },
      });
      expect(await entryOf(exposures, 'x:y')).toMatchObject({ deadLettered: 0, highestSequence: 4 });
      expect(await exposures.ledger(10)).toHaveLength(2);
      await exposures.exhume('p:2');
      expect(await entryOf(exposures)).toMatchObject({ deadLettered: 0, missing: [{ from: 1, to: 2 }] });
    },
  },
  {
    title: 'lists processes with the newest first, then in code point order, up to the limit',
    async run(store) {
      await using exposures = await store.open();
      const names = inCodePointOrder(CONFUSABLE).toReversed();
      for (const process of names) await exposures.close(process, 1, START);
      await storeAll(exposures, [batch({ process: 'new', evaluations: [evaluation({ time: START + 9 })] })]);
      const order = ['new', ...names.toReversed()];
      expect((await exposures.ledger(100)).map(({ process }) => process)).toEqual(order);
      expect((await exposures.ledger(3)).map(({ process }) => process)).toEqual(order.slice(0, 3));
    },
  },
];

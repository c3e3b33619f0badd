import { expect } from 'vitest';
import type { ExposureStore } from '../../src/ports/exposure-store.ts';
import type { Check, Store } from './contract.ts';
import {
  ALWAYS,
  batch,
  entryOf,
  evaluation,
  event,
  everything,
  HOUR,
  letter,
  SHOP,
  START,
  storeAll,
} from './exposure-samples.ts';

const DAY = 86_400_000;
const OTHER = { project: 'shop', environment: 'staging' };

function seen(subject: string, seenAt = START) {
  return { subject, attributes: { plan: 'pro' }, seenAt };
}

/** What anna and bert did, in two batches. */
const BOTH = [
  batch({
    evaluations: [evaluation({ count: 3 }), evaluation({ subject: 'bert' }), evaluation({ flag: 'other' })],
    events: [event({ count: 2 }), event({ subject: 'bert' })],
    contexts: [seen('anna'), seen('bert')],
  }),
  batch({ sequence: 2, hour: HOUR + 1, evaluations: [evaluation({ time: START + 3_600_000 })] }),
];

export const keepingChecks: readonly Check<Store<ExposureStore>>[] = [
  {
    title: 'erases the rows, events, context and last variations of a subject, and says how many',
    async run(store) {
      await using exposures = await store.open();
      await storeAll(exposures, BOTH);
      expect(await exposures.erase(SHOP, 'anna', START)).toEqual({ evaluations: 5, events: 2, contexts: 1 });
      expect(await exposures.rows(SHOP, { ...ALWAYS, limit: 10, subject: 'anna' })).toEqual([]);
      expect(await exposures.lastVariations(SHOP, 'banner', ['anna', 'bert'])).toEqual(
        new Map([['bert', 'on']]),
      );
      const { total, contexts } = await exposures.contexts(SHOP, { ...ALWAYS, limit: 10 });
      expect([total, contexts]).toEqual([1, [seen('bert')]]);
      const [outcome] = await exposures.outcomes(SHOP, { ...ALWAYS, flag: 'banner' });
      expect(outcome).toMatchObject({ subjects: 1, affected: 1, events: 1, evaluations: 1 });
      expect(await exposures.erase(SHOP, 'anna', START)).toEqual({ evaluations: 0, events: 0, contexts: 0 });
    },
  },
  {
    title: 'leaves series, activity and ledger as they are when it erases',
    async run(store) {
      await using exposures = await store.open();
      await storeAll(exposures, BOTH);
      const sums = async () => {
        const { series, activity, ledger } = await everything(exposures, SHOP, []);
        return { series, activity, ledger };
      };
      const before = await sums();
      await exposures.erase(SHOP, 'anna', START);
      expect(await sums()).toEqual(before);
      expect(await exposures.store(BOTH[0] ?? batch())).toBe('already');
      expect(await exposures.rows(SHOP, { ...ALWAYS, limit: 10, subject: 'anna' })).toEqual([]);
    },
  },
  {
    title:
      'takes what a subject had done by the time of its erasure for what nobody did, if it is stored later',
    async run(store) {
      const after = { time: START + 1 };
      const late = batch({
        evaluations: [evaluation(), evaluation(after), evaluation({ subject: 'bert' })],
        events: [event({ count: 2 }), event({ ...after, subject: 'anna' })],
        contexts: [seen('anna'), seen('bert')],
      });
      {
        await using exposures = await store.open();
        expect(await exposures.erase(SHOP, 'anna', START)).toEqual({
          evaluations: 0,
          events: 0,
          contexts: 0,
        });
      }
      await using exposures = await store.open();
      await storeAll(exposures, [late, batch({ ...late, id: 'p:2', sequence: 2, place: OTHER })]);
      const rows = await exposures.rows(SHOP, { ...ALWAYS, limit: 10 });
      expect(rows.map(({ subject, time }) => [subject, time - START]).sort()).toEqual([
        ...[
          ['', 0],
          ['anna', 1],
          ['bert', 0],
        ],
      ]);
      expect((await exposures.contexts(SHOP, { ...ALWAYS, limit: 10 })).contexts).toEqual([seen('bert')]);
      const [outcome] = await exposures.outcomes(SHOP, { ...ALWAYS, flag: 'banner' });
      expect(outcome).toMatchObject({ subjects: 2, evaluations: 3, affected: 1, events: 1 });
      expect(await exposures.series(SHOP, { ...ALWAYS, step: 'hour' })).toMatchObject([{ count: 3 }]);
      expect(await entryOf(exposures)).toMatchObject({ stored: 12, missing: [] });
      expect((await exposures.contexts(OTHER, { ...ALWAYS, limit: 10 })).total).toBe(2);
      expect(await exposures.store(late)).toBe('already');
    },
  },
  {
    title: 'leaves nothing of whom it erases while others store it, and look',
    async run(store) {
      const handles = await Promise.all([store.open(), store.open(), store.open()]);
      const mine = (handle: number, index: number) =>
        batch({
          ...{ process: `p${handle}`, sequence: index + 1, hour: HOUR + (index % 2) },
          evaluations: [evaluation({ time: START + (index % 2) * 3_600_000 })],
          contexts: [seen('anna', START + (index % 2) * 3_600_000)],
        });
      const ends = handles.map(async (handle, number) => {
        for (let index = 0; index < 24; index++) {
          await handle.store(mine(number, index));
          if (index === 8 * number + 4) await handle.erase(SHOP, 'anna', START + DAY);
          if (index % 5 === 0) await handle.contexts(SHOP, { ...ALWAYS, limit: 1 });
        }
      });
      await Promise.all(ends);
      const [one] = handles;
      const { rows } = await everything(one as ExposureStore, SHOP, []);
      expect(rows.filter((row) => row.includes('anna'))).toEqual([]);
      expect((await one?.lastVariations(SHOP, 'banner', ['anna']))?.size).toBe(0);
      expect((await one?.contexts(SHOP, { ...ALWAYS, limit: 1 }))?.total).toBe(0);
      expect((await one?.series(SHOP, { ...ALWAYS, step: 'day' }))?.map(({ count }) => count)).toEqual([72]);
      for (const handle of handles) await handle[Symbol.asyncDispose]();
    },
  },
  {
    title: 'keeps and forgets what people with the longest names and attributes did, as of all others',
    async run(store) {
      await using exposures = await store.open();
      // Each could be in a report of somebody whom nobody knows.
      const longest = (index: number) => `${index} `.padEnd(4_096, '鍵');
      const attributes = (index: number) =>
        Object.fromEntries(Array.from({ length: 48 }, (_, at) => [`a${at}`, `${index}`.padEnd(1_000, '値')]));
      const all = Array.from({ length: 8 }, (_, sequence) => {
        const people = Array.from({ length: 190 }, (_each, index) => longest(sequence * 190 + index));
        return batch({
          sequence: sequence + 1,
          evaluations: people.slice(0, 20).map((subject, index) =>
            evaluation({
              subject,
              ruleId: `${index}`.padEnd(100, '則'),
              client: `${sequence}-${index}`.padEnd(400, '客'),
            }),
          ),
          events: people.map((subject) => event({ subject })),
          contexts: people
            .slice(0, 16)
            .map((subject, index) => ({ subject, attributes: attributes(index), seenAt: START })),
        });
      });
      await storeAll(exposures, all);
      const sample = await exposures.contexts(SHOP, { ...ALWAYS, limit: 3 });
      expect([sample.total, sample.contexts.length]).toEqual([128, 3]);
      const [outcome] = await exposures.outcomes(SHOP, { ...ALWAYS, flag: 'banner' });
      expect(outcome).toMatchObject({ subjects: 160, affected: 160 });
      expect(await exposures.erase(SHOP, longest(7), START)).toEqual({
        evaluations: 1,
        events: 1,
        contexts: 1,
      });
      await exposures.expire({ rowsBefore: START + DAY, minutesBefore: 0, rollupsBefore: 0 });
      expect(await exposures.rows(SHOP, { ...ALWAYS, limit: 1 })).toEqual([]);
      expect(await entryOf(exposures)).toMatchObject({ stored: 1_680, missing: [] });
    },
  },
  {
    title: 'erases nothing of others, nor of the same name elsewhere, nor of those without a name',
    async run(store) {
      await using exposures = await store.open();
      const place = { ...OTHER };
      await storeAll(exposures, [
        ...BOTH,
        batch({
          sequence: 3,
          place,
          evaluations: [evaluation({ subject: '' }), evaluation()],
          contexts: [seen('anna')],
        }),
      ]);
      const before = await everything(exposures, OTHER, ['banner']);
      await exposures.erase(SHOP, 'anna', START);
      expect(await exposures.erase(OTHER, 'Anna', START)).toEqual({ evaluations: 0, events: 0, contexts: 0 });
      expect(await exposures.erase(OTHER, '', START)).toEqual({ evaluations: 0, events: 0, contexts: 0 });
      expect(await everything(exposures, OTHER, ['banner'])).toEqual(before);
    },
  },
  {
    title: 'removes evaluations and events from before, and none that is younger, and leaves the sums',
    async run(store) {
      await using exposures = await store.open();
      const [early, late] = [
        evaluation({ time: START + 4 }),
        evaluation({ time: START + 5, subject: 'bert' }),
      ];
      const events = [event({ time: START + 4 }), event({ time: START + 6, subject: 'bert' })];
      await storeAll(exposures, [batch({ evaluations: [early, late], events, contexts: [seen('anna')] })]);
      const before = await everything(exposures, SHOP, ['banner']);
      await exposures.expire({ rowsBefore: START + 5, minutesBefore: 0, rollupsBefore: 0 });
      const after = await everything(exposures, SHOP, ['banner']);
      expect(after.times).toEqual([START + 5]);
      expect(after.outcomes[0]).toMatchObject([{ subjects: 1, evaluations: 1, affected: 1, events: 1 }]);
      for (const kept of ['series', 'activity', 'contexts', 'ledger'] as const)
        expect(after[kept]).toEqual(before[kept]);
      expect(await exposures.lastVariations(SHOP, 'banner', ['anna'])).toEqual(new Map([['anna', 'on']]));
      expect(await exposures.store(batch({ evaluations: [early, late], events }))).toBe('already');
    },
  },
  {
    title: 'removes minutes, hours and days once they had ended, and each flag with its last hour',
    async run(store) {
      await using exposures = await store.open();
      const times = [START - DAY, START, START + 60_000, START + 3_600_000];
      await storeAll(
        exposures,
        times.map((time, index) =>
          batch({
            ...{ sequence: index + 1, hour: Math.floor(time / 3_600_000) },
            evaluations: [evaluation({ time, ...(index === 0 && { flag: 'gone' }) })],
          }),
        ),
      );
      const left = async (step: 'minute' | 'hour' | 'day') =>
        (await exposures.series(SHOP, { ...ALWAYS, step })).map(({ at }) => at - START);
      await exposures.expire({ rowsBefore: 0, minutesBefore: START + 60_000, rollupsBefore: 0 });
      expect(await left('minute')).toEqual([60_000, 3_600_000]);
      expect(await left('hour')).toEqual([-DAY, 0, 3_600_000]);
      await exposures.expire({
        ...{
          rowsBefore: START + 3_600_000,
          minutesBefore: START + 3_600_001,
          rollupsBefore: START + 3_600_000,
        },
      });
      expect(await left('minute')).toEqual([3_600_000]);
      expect(await left('hour')).toEqual([3_600_000]);
      expect(await left('day')).toEqual([0]);
      expect((await exposures.activity(SHOP, ALWAYS)).map(({ flag, count }) => [flag, count])).toEqual([
        ['banner', 1],
      ]);
    },
  },
  {
    title: 'removes contexts, last variations and processes of which there is nothing younger',
    async run(store) {
      await using exposures = await store.open();
      const later = { sequence: 2, evaluations: [evaluation({ time: START + 9, subject: 'bert' })] };
      await storeAll(exposures, [
        batch({ evaluations: [evaluation()], contexts: [seen('anna'), seen('bert', START + 9)] }),
        batch(later),
        batch({ process: 'old', evaluations: [evaluation({ time: START + 2 })] }),
        batch({ process: 'poisoned', evaluations: [evaluation({ time: START + 2 })] }),
      ]);
      await exposures.close('ended', 4, START + 2);
      await exposures.bury(letter('poisoned:2', { at: START + 3 }));
      const bound = START + 5;
      await exposures.expire({ rowsBefore: bound, minutesBefore: bound, rollupsBefore: bound });
      expect(await exposures.contexts(SHOP, { ...ALWAYS, limit: 10 })).toEqual({
        ...{ total: 1, contexts: [seen('bert', START + 9)] },
      });
      const last = await exposures.lastVariations(SHOP, 'banner', ['anna', 'bert']);
      expect(last).toEqual(new Map([['bert', 'on']]));
      expect((await exposures.ledger(10)).map(({ process }) => process)).toEqual(['p', 'poisoned']);
      expect(await entryOf(exposures)).toMatchObject({ accepted: 1, stored: 2, firstAt: START });
      expect(await exposures.store(batch(later))).toBe('already');
      expect(await exposures.deadLetters(10)).toHaveLength(1);
    },
  },
];

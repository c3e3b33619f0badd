import { expect } from 'vitest';
import type {
  ExposureStore,
  RecordedEvaluation,
  RowQuery,
  StoredEvaluation,
} from '../../src/ports/exposure-store.ts';
import type { Check, Store } from './contract.ts';
import { ALWAYS, batch, evaluation, event, HOUR, SHOP, START, storeAll } from './exposure-samples.ts';

const MINUTE = 60_000;
const DAY = 86_400_000;
const OTHER = { project: 'shop', environment: 'staging' };

/** Batches of one evaluation or event each, in order. */
function each(evaluations: readonly Partial<RecordedEvaluation>[], from = 1) {
  return evaluations.map((parts, index) => {
    const one = evaluation(parts);
    return batch({ sequence: from + index, hour: Math.floor(one.time / 3_600_000), evaluations: [one] });
  });
}

export const seriesChecks: readonly Check<Store<ExposureStore>>[] = [
  {
    title: 'adds up counts, and estimates by weight, by minute, hour and day, over all batches',
    async run(store) {
      await using exposures = await store.open();
      await storeAll(exposures, [
        ...each([
          { count: 2 },
          { time: START + MINUTE - 1, count: 3, weight: 4 },
          { time: START + MINUTE, weight: 2.5 },
          { time: START + 3_600_000 },
          { time: START + DAY, variation: 'off' },
          { time: START, reason: 'DEFAULT' },
          { time: START, flag: 'a' },
        ]),
        batch({ process: 'q', place: OTHER, evaluations: [evaluation({ count: 100 })] }),
      ]);
      const sums = async (step: 'minute' | 'hour' | 'day', flag?: string) =>
        (await exposures.series(SHOP, { ...ALWAYS, step, ...(flag !== undefined && { flag }) })).map(
          (point) => [
            ...[point.at - START, point.flag, point.variation, point.reason, point.count, point.estimate],
          ],
        );
      expect(await sums('minute')).toEqual([
        [0, 'a', 'on', 'SPLIT', 1, 1],
        [0, 'banner', 'on', 'DEFAULT', 1, 1],
        [0, 'banner', 'on', 'SPLIT', 5, 14],
        [MINUTE, 'banner', 'on', 'SPLIT', 1, 2.5],
        [3_600_000, 'banner', 'on', 'SPLIT', 1, 1],
        [DAY, 'banner', 'off', 'SPLIT', 1, 1],
      ]);
      const whole = await exposures.series(SHOP, { ...ALWAYS, step: 'minute' });
      for (const limit of [1, 3, 100])
        expect(await exposures.series(SHOP, { ...ALWAYS, step: 'minute', limit })).toEqual(
          whole.slice(0, limit),
        );
      expect(await sums('hour', 'banner')).toEqual([
        [0, 'banner', 'on', 'DEFAULT', 1, 1],
        [0, 'banner', 'on', 'SPLIT', 6, 16.5],
        [3_600_000, 'banner', 'on', 'SPLIT', 1, 1],
        [DAY, 'banner', 'off', 'SPLIT', 1, 1],
      ]);
      expect(await sums('day', 'banner')).toEqual([
        [0, 'banner', 'on', 'DEFAULT', 1, 1],
        [0, 'banner', 'on', 'SPLIT', 7, 17.5],
        [DAY, 'banner', 'off', 'SPLIT', 1, 1],
      ]);
    },
  },
  {
    title: 'has the steps of a series that begin in the period',
    async run(store) {
      await using exposures = await store.open();
      await storeAll(
        exposures,
        each([0, 1, 2, 3].map((minute) => ({ time: START + minute * MINUTE + 500 }))),
      );
      const minutes = async (from: number, to: number) =>
        (await exposures.series(SHOP, { from, to, step: 'minute' })).map(({ at }) => (at - START) / MINUTE);
      expect(await minutes(START + MINUTE, START + 3 * MINUTE)).toEqual([1, 2]);
      expect(await minutes(START + MINUTE + 1, START + 3 * MINUTE + 1)).toEqual([2, 3]);
      expect(await minutes(START + MINUTE, START + MINUTE)).toEqual([]);
    },
  },
  {
    title:
      'has every flag that was ever evaluated, with its last time and its evaluations in the hours of the period',
    async run(store) {
      await using exposures = await store.open();
      await storeAll(exposures, [
        ...each([
          { flag: 'old', time: START - DAY },
          { flag: 'new', count: 3 },
          { flag: 'new', time: START + 3_600_000 + 77, count: 4 },
          { flag: 'new', time: START + 20 },
        ]),
        batch({ process: 'q', events: [event({ flag: 'never' })] }),
        batch({ process: 'q', sequence: 2, place: OTHER, evaluations: [evaluation({ flag: 'elsewhere' })] }),
      ]);
      expect(await exposures.activity(SHOP, { from: START, to: START + 3_600_000 })).toEqual([
        { flag: 'new', lastAt: START + 3_600_077, count: 4 },
        { flag: 'old', lastAt: START - DAY, count: 0 },
      ]);
    },
  },
  {
    title: 'has the last variation of each subject that ever got the flag, whatever order batches come in',
    async run(store) {
      await using exposures = await store.open();
      await storeAll(exposures, [
        ...each([
          { time: START + 9, variation: 'last' },
          { time: START + 1, variation: 'first' },
          { time: START + 8, variation: 'middle' },
          { time: START + 10, flag: 'other', variation: 'no' },
          { subject: 'bert', variation: 'a' },
          { subject: 'bert', variation: 'b' },
          { subject: 'carl', time: START + 5, variation: '' },
        ]),
        batch({ process: 'q', place: OTHER, evaluations: [evaluation({ subject: 'dora' })] }),
      ]);
      const asked = ['anna', 'bert', 'carl', 'dora', 'nobody', ''];
      expect(await exposures.lastVariations(SHOP, 'banner', asked)).toEqual(
        new Map([
          ['anna', 'last'],
          ['bert', 'b'],
          ['carl', ''],
        ]),
      );
      expect(await exposures.lastVariations(SHOP, 'none', asked)).toEqual(new Map());
      expect(await exposures.lastVariations(SHOP, 'banner', [])).toEqual(new Map());
    },
  },
  {
    title: 'keeps the latest context of each subject, whatever order they come in',
    async run(store) {
      await using exposures = await store.open();
      const seen = (subject: string, plan: string, ms: number) => ({
        ...{ subject, attributes: { plan }, seenAt: START + ms },
      });
      await storeAll(exposures, [
        batch({ contexts: [seen('anna', 'new', 9), seen('bert', 'only', 1)] }),
        batch({ sequence: 2, contexts: [seen('anna', 'old', 3)] }),
        batch({ sequence: 3, place: OTHER, contexts: [seen('anna', 'elsewhere', 20)] }),
      ]);
      const all = await exposures.contexts(SHOP, { ...ALWAYS, limit: 10 });
      expect(all.contexts.toSorted((a, b) => b.seenAt - a.seenAt)).toEqual([
        seen('anna', 'new', 9),
        seen('bert', 'only', 1),
      ]);
      expect(await exposures.contexts(SHOP, { from: START + 2, to: START + 10, limit: 10 })).toEqual({
        total: 1,
        contexts: [seen('anna', 'new', 9)],
      });
      expect(await exposures.contexts(SHOP, { from: START + 2, to: START + 9, limit: 10 })).toEqual({
        ...{ total: 0, contexts: [] },
      });
    },
  },
  {
    title: 'draws the same contexts each time, without regard for names and age, and says of how many',
    async run(store) {
      await using exposures = await store.open();
      const numbers = Array.from({ length: 1_000 }, (_, index) => index);
      const contexts = numbers.map((index) => ({
        ...{
          subject: `subject-${String(index).padStart(4, '0')}`,
          attributes: { index },
          seenAt: START + index,
        },
      }));
      await storeAll(exposures, [batch({ contexts })]);
      const drawn = await exposures.contexts(SHOP, { ...ALWAYS, limit: 100 });
      expect(drawn.total).toBe(1_000);
      expect(new Set(drawn.contexts.map(({ subject }) => subject)).size).toBe(100);
      const low = drawn.contexts.filter(({ seenAt }) => seenAt < START + 500).length;
      expect(low).toBeGreaterThan(25);
      expect(low).toBeLessThan(75);
      await using other = await store.open();
      expect(await other.contexts(SHOP, { ...ALWAYS, limit: 100 })).toEqual(drawn);
    },
  },
];

export const rowChecks: readonly Check<Store<ExposureStore>>[] = [
  {
    title: 'pages through rows in the order of time without a gap, a double or a row of somebody else',
    async run(store) {
      await using exposures = await store.open();
      const evaluations = Array.from({ length: 90 }, (_, index) =>
        evaluation({
          ...{ time: START + ((index * 7) % 10), flag: `flag-${index % 3}`, count: index + 1 },
          subject: ['anna', 'bert', 'carl', '', 'dora'][index % 5] ?? '',
        }),
      );
      await storeAll(exposures, [
        batch({ evaluations: evaluations.slice(0, 40) }),
        batch({ sequence: 2, place: OTHER, evaluations: [evaluation()] }),
        batch({ sequence: 3, evaluations: evaluations.slice(40) }),
        batch({ sequence: 4, hour: HOUR + 1, evaluations: [evaluation({ time: START + 3_600_000 })] }),
      ]);
      const filters = [
        {},
        { flag: 'flag-1' },
        { subject: 'anna' },
        { flag: 'flag-2', subject: 'bert' },
        { subject: '' },
      ];
      for (const filter of filters) {
        const wanted = evaluations.filter(
          ({ flag, subject, time }) =>
            (filter.flag ?? flag) === flag && (filter.subject ?? subject) === subject && time >= START + 2,
        );
        const rows = await pages(exposures, { ...filter, from: START + 2, to: START + 3_600_000, limit: 7 });
        expect(rows.map(({ time }) => time)).toEqual(wanted.map(({ time }) => time).sort((a, b) => a - b));
        expect(new Set(rows.map(({ id }) => id)).size).toBe(wanted.length);
        expect(rows.map(({ count }) => count).sort((a, b) => a - b)).toEqual(
          wanted.map(({ count }) => count),
        );
      }
    },
  },
];

/** All rows, so many at a time. */
async function pages(exposures: ExposureStore, query: RowQuery): Promise<StoredEvaluation[]> {
  const rows: StoredEvaluation[] = [];
  for (;;) {
    const last = rows.at(-1);
    const page = await exposures.rows(SHOP, {
      ...query,
      ...(last && { after: { time: last.time, id: last.id } }),
    });
    expect(page.length).toBeLessThanOrEqual(query.limit);
    if (page.length === 0) return rows;
    rows.push(...page);
  }
}

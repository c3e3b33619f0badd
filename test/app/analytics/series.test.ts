import { beforeEach, describe, expect, it } from 'vitest';
import { evaluationHistory } from '../../../src/app/analytics/series.ts';
import type { ExposureStore } from '../../../src/ports/exposure-store.ts';
import { createExposureModel } from '../../contract/exposure-model.ts';
import { HERE, record } from '../../support/recorded.ts';

const at = (text: string) => Date.parse(`2030-01-01T${text}Z`);

let store: ExposureStore;
beforeEach(async () => {
  store = createExposureModel();
  await record(store, 'p', {
    evaluations: [
      { time: at('10:00:30'), flag: 'a', variation: 'on', subject: 'anna', reason: 'SPLIT' },
      { time: at('10:00:59'), flag: 'a', variation: 'on', subject: 'bert', reason: 'SPLIT', count: 3 },
      { time: at('10:01:00'), flag: 'a', variation: 'on', subject: 'anna', reason: 'TARGETING_MATCH' },
      { time: at('10:59:59'), flag: 'a', variation: 'off', subject: 'carl', count: 2, weight: 4 },
      { time: at('11:00:00'), flag: 'a', variation: 'off', subject: 'dora' },
      { time: at('10:30:00'), flag: 'b', variation: 'on', subject: 'anna' },
    ],
  });
});

describe('the history of evaluations', () => {
  it('has a point for each step, variation and reason, with what sampling left out', async () => {
    const asked = { from: at('10:00:10'), to: at('10:59:30'), step: 'minute', flag: 'a' } as const;
    const { series, period } = await evaluationHistory(store, HERE, asked);
    expect(period).toEqual({ from: at('10:00:00'), to: at('11:00:00') });
    expect(series).toEqual([
      {
        ...{ flag: 'a', variation: 'off', reason: 'DEFAULT' },
        points: [{ at: at('10:59:00'), count: 2, estimate: 8 }],
      },
      {
        ...{ flag: 'a', variation: 'on', reason: 'SPLIT' },
        points: [{ at: at('10:00:00'), count: 4, estimate: 4 }],
      },
      {
        ...{ flag: 'a', variation: 'on', reason: 'TARGETING_MATCH' },
        points: [{ at: at('10:01:00'), count: 1, estimate: 1 }],
      },
    ]);
  });

  it('sums up by variation, with distinct subjects if it is about one flag', async () => {
    const period = { from: at('10:00:00'), to: at('12:00:00') };
    const { totals } = await evaluationHistory(store, HERE, { ...period, flag: 'a' });
    expect(totals).toEqual([
      { flag: 'a', variation: 'off', count: 3, estimate: 9, subjects: 2 },
      { flag: 'a', variation: 'on', count: 5, estimate: 5, subjects: 2 },
    ]);
    const all = await evaluationHistory(store, HERE, period);
    expect(all.totals.map(({ flag, variation, count }) => [flag, variation, count])).toEqual([
      ['a', 'off', 3],
      ['a', 'on', 5],
      ['b', 'on', 1],
    ]);
    expect(all.totals.every((total) => !('subjects' in total))).toBe(true);
  });

  it('chooses steps that make a readable chart', async () => {
    const to = at('12:00:00');
    const stepOf = async (hours: number) =>
      (await evaluationHistory(store, HERE, { from: to - hours * 3_600_000, to })).step;
    expect([await stepOf(6), await stepOf(7), await stepOf(14 * 24), await stepOf(15 * 24)]).toEqual([
      'minute',
      'hour',
      'hour',
      'day',
    ]);
  });

  it('refuses a period of more steps than anybody can look at', async () => {
    const to = at('12:00:00');
    const tooLong = { from: to - 7 * 86_400_000, to, step: 'minute' } as const;
    await expect(evaluationHistory(store, HERE, tooLong)).rejects.toMatchObject({ kind: 'invalid' });
  });

  it('takes longer steps rather than more points than fit, and refuses those that were insisted on', async () => {
    const point = { at: 0, flag: 'a', variation: 'on', reason: 'DEFAULT', count: 1, estimate: 1 } as const;
    const points = (length: number) => Array.from({ length }, () => point);
    const asked = { from: 0, to: 60_000 };
    const withDays = (days: number): Pick<ExposureStore, 'series' | 'outcomes'> => ({
      ...store,
      series: async (_place, { step }) => points(step === 'day' ? days : 20_001),
    });
    expect(await evaluationHistory(withDays(20_000), HERE, asked)).toMatchObject({ step: 'day' });
    const refused = { kind: 'exhausted', details: { reason: 'TOO_MANY_POINTS' } };
    await expect(evaluationHistory(withDays(20_001), HERE, asked)).rejects.toMatchObject(refused);
    const insisted = evaluationHistory(withDays(1), HERE, { ...asked, step: 'hour' });
    await expect(insisted).rejects.toMatchObject(refused);
  });

  it('does not take those who are left for all, once rows are forgotten, and shows hours where minutes are', async () => {
    await record(store, 'old', {
      evaluations: ['anna', 'bert'].map((subject, index) => ({
        ...{ time: at('10:30:00') + index * 7_200_000, flag: 'kept', variation: 'on', subject },
      })),
    });
    const all = { from: at('10:00:00'), to: at('14:00:00'), flag: 'kept' };
    expect((await evaluationHistory(store, HERE, all)).totals).toMatchObject([{ count: 2, subjects: 2 }]);
    const before = at('12:00:00');
    await store.expire({ rowsBefore: before, minutesBefore: before, rollupsBefore: 0 });
    const early = { ...all, to: at('11:00:00') };
    expect(await evaluationHistory(store, HERE, early)).toMatchObject({
      step: 'hour',
      totals: [{ count: 1 }],
    });
    const [total] = (await evaluationHistory(store, HERE, { ...all, step: 'hour' })).totals;
    expect(total).toEqual({ flag: 'kept', variation: 'on', count: 2, estimate: 2 });
  });

  it('does not count subjects one by one where there are millions of evaluations', async () => {
    const point = { at: 0, flag: 'a', variation: 'on', reason: 'DEFAULT', estimate: 1 } as const;
    const of = async (count: number) => {
      const outcome = { variation: 'on', subjects: 7, affected: 0, events: 0, sum: 0, sumOfSquares: 0 };
      const busy = {
        series: async () => [{ ...point, count }],
        outcomes: async () => [{ ...outcome, evaluations: count }],
      };
      return (await evaluationHistory(busy, HERE, { from: 0, to: 60_000, flag: 'a' })).totals;
    };
    expect(await of(2_000_000)).toMatchObject([{ subjects: 7 }]);
    expect((await of(2_000_001)).every((total) => !('subjects' in total))).toBe(true);
  });
});

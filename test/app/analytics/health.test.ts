import { beforeEach, describe, expect, it } from 'vitest';
import { conversionsOf } from '../../../src/app/analytics/conversions.ts';
import { healthOf } from '../../../src/app/analytics/health.ts';
import type { ExposureStore } from '../../../src/ports/exposure-store.ts';
import { createExposureModel } from '../../contract/exposure-model.ts';
import { HERE, record } from '../../support/recorded.ts';

const T = Date.parse('2030-01-01T10:00:00Z');
const PERIOD = { from: T, to: T + 3_600_000 };

const subjects = (prefix: string, count: number) => Array.from({ length: count }, (_, n) => `${prefix}${n}`);
const got = (variation: string, people: readonly string[]) =>
  people.map((subject) => ({ time: T, flag: 'a', variation, subject }));

let store: ExposureStore;
beforeEach(() => {
  store = createExposureModel();
});

describe('health', () => {
  it('counts errors and crashes of those who had got the variation by then', async () => {
    const [on, off] = [subjects('on', 200), subjects('off', 100)];
    const error = (subject: string, more = {}) => ({
      ...{ time: T + 1, event: 'boom', subject, kind: 'error' as const },
      ...more,
    });
    await record(store, 'p', {
      evaluations: [
        ...got('on', on),
        ...got('off', off),
        { time: T + 100, flag: 'a', variation: 'on', subject: 'late' },
      ],
      events: [
        ...on.slice(0, 20).map((subject) => error(subject)),
        error('on0', { count: 4 }),
        error('on0', { kind: 'crash' }),
        error('on199', { kind: 'crash' }),
        error('on198', { kind: 'metric' }),
        error('on197', { flag: 'another' }),
        error('off0'),
        error('late'),
        error('stranger'),
      ],
    });
    const [worst, other, ...rest] = await healthOf(store, HERE, { ...PERIOD, flag: 'a' });
    expect(rest).toEqual([]);
    expect(worst).toMatchObject({
      variation: 'on',
      subjects: 201,
      evaluations: 201,
      affected: 21,
      errors: 26,
    });
    expect(worst).toMatchObject({ crashed: 2, crashes: 2, sampleTooSmall: false, note: '' });
    expect(worst?.errorRate?.value).toBeCloseTo(21 / 201);
    // (0.104478 + 0.009556 ± 1.96·√(0.000465486 + 0.000023771)) / 1.019112
    expect(worst?.errorRate?.low).toBeCloseTo(0.069356, 5);
    expect(worst?.errorRate?.high).toBeCloseTo(0.154435, 5);
    expect(worst?.crashFree?.value).toBeCloseTo(199 / 201);
    expect(other).toMatchObject({ variation: 'off', subjects: 100, affected: 1, errors: 1, crashed: 0 });
    expect(other?.crashFree).toMatchObject({ value: 1, high: 1 });
  });

  it('puts the worst first, and last what stands on too few', async () => {
    const people = { many: subjects('m', 1000), some: subjects('s', 100), few: subjects('f', 3) };
    const failing = [...people.many.slice(0, 100), ...people.some.slice(0, 11), 'f0'];
    await record(store, 'p', {
      evaluations: Object.entries(people).flatMap(([variation, them]) => got(variation, them)),
      events: failing.map((subject) => ({ time: T, event: 'boom', subject, kind: 'error' })),
    });
    const health = await healthOf(store, HERE, { ...PERIOD, flag: 'a' });
    // 10 % of a thousand is surely at least 8.3 %, 11 % of a hundred only 6.3 %.
    expect(health.map(({ variation, sampleTooSmall }) => [variation, sampleTooSmall])).toEqual([
      ['many', false],
      ['some', false],
      ['few', true],
    ]);
    expect(health[2]?.note).toBe('only 3 of the 100 subjects that it takes');
  });

  it('is of those alone who got it by one rule, if one is asked for', async () => {
    const by = (ruleId: string, them: readonly string[]) =>
      got('on', them).map((row) => ({ ...row, ruleId }));
    await record(store, 'p', {
      evaluations: [...by('beta', ['b0', 'b1']), ...by('rollout', ['r0', 'r1', 'r2'])],
      events: ['b0', 'r0', 'r1'].map((subject) => ({ time: T, event: 'boom', subject, kind: 'error' })),
    });
    const health = await healthOf(store, HERE, { ...PERIOD, flag: 'a', ruleId: 'rollout' });
    expect(health).toMatchObject([{ variation: 'on', subjects: 3, affected: 2, crashed: 0 }]);
  });

  it('has no rates where nobody has a name', async () => {
    await record(store, 'p', { evaluations: [{ time: T, flag: 'a', variation: 'on' }] });
    const [only] = await healthOf(store, HERE, { ...PERIOD, flag: 'a' });
    expect(only).toMatchObject({ subjects: 0, evaluations: 1, sampleTooSmall: true });
    expect(only?.errorRate).toBeUndefined();
    expect(only?.note).toContain('no subjects');
  });
});

describe('conversions', () => {
  it('are a rate of subjects and a mean of what each of them brings', async () => {
    await record(store, 'p', {
      evaluations: got('on', ['a', 'b', 'c', 'd']),
      events: [
        { time: T, event: 'order', subject: 'a', value: 1 },
        { time: T + 1, event: 'order', subject: 'b', value: 1 },
        { time: T + 2, event: 'order', subject: 'b', value: 1 },
        { time: T + 3, event: 'order', subject: 'c', value: 1.5, count: 2 },
        { time: T, event: 'visit', subject: 'd', value: 100 },
      ],
    });
    const { variations } = await conversionsOf(store, HERE, { ...PERIOD, flag: 'a', event: 'order' });
    const [only] = variations;
    expect(only).toMatchObject({ variation: 'on', subjects: 4, converted: 3, events: 5, sum: 6 });
    expect(only?.rate?.value).toBe(0.75);
    // 1, 2, 3, 0: mean 1.5, variance 5/3
    expect(only?.mean?.value).toBe(1.5);
    expect(only?.mean?.high).toBeCloseTo(1.5 + 1.959964 * Math.sqrt(5 / 12), 6);
    expect(only?.sampleTooSmall).toBe(true);
  });

  it('may be told of one rule alone', async () => {
    await record(store, 'p', {
      evaluations: [
        { time: T, flag: 'a', variation: 'on', subject: 'a', ruleId: 'beta' },
        { time: T, flag: 'a', variation: 'on', subject: 'b' },
      ],
      events: [{ time: T, event: 'order', subject: 'b' }],
    });
    const query = { ...PERIOD, flag: 'a', event: 'order' };
    const byBeta = await conversionsOf(store, HERE, { ...query, ruleId: 'beta' });
    expect(byBeta.variations).toMatchObject([{ subjects: 1, converted: 0 }]);
    const { variations } = await conversionsOf(store, HERE, query);
    expect(variations).toMatchObject([{ subjects: 2, converted: 1 }]);
  });
});

import fc from 'fast-check';
import { beforeEach, describe, expect, it } from 'vitest';
import { draftRule } from '../../../src/app/analytics/draft-rule.ts';
import { previewReach, type ReachQuery } from '../../../src/app/analytics/reach.ts';
import { dependenceOf } from '../../../src/app/analytics/read-attributes.ts';
import { snapshotOf } from '../../../src/app/environment-snapshot.ts';
import { emptyState, type ProjectState } from '../../../src/app/project-state.ts';
import { bucketOf, salted } from '../../../src/core/buckets.ts';
import { DEFAULT_LIMITS } from '../../../src/core/limits.ts';
import { type FlagSettings, initialSettings, type Rule } from '../../../src/core/model.ts';
import { DAY_MS } from '../../../src/core/time.ts';
import type { ExposureStore } from '../../../src/ports/exposure-store.ts';
import { createExposureModel } from '../../contract/exposure-model.ts';
import { HERE, type Recording, record } from '../../support/recorded.ts';
import { completeSegment } from '../../vectors/load.ts';

const NOW = Date.parse('2030-06-30T12:00:00.000Z');
const PERIOD = { from: NOW - 30 * DAY_MS, to: NOW };
const KEEPS_ALL = { disabled: false, keptAttributes: ['plan', 'platform'], hashTargetingKeys: false };

const STATE: ProjectState = {
  ...emptyState('shop'),
  time: '2030-01-01T00:00:00.000Z',
  segments: new Map(
    [
      completeSegment({
        key: 'payers',
        condition: { kind: 'clause', attribute: 'plan', operator: 'eq', values: ['pro'] },
      }),
      completeSegment({ key: 'staff', included: ['s1'] }),
    ].map((state) => [state.key, { state, version: 1 }]),
  ),
};
const SNAPSHOT = snapshotOf(STATE, 'production');

const rule = (given: Partial<Rule>): Rule => ({
  ...{ id: 'draft', name: '', priority: 0, recordExposures: true },
  serve: { kind: 'variation', variation: 'on' },
  ...given,
});
const onPlan = (...values: string[]) =>
  ({ kind: 'clause', attribute: 'plan', operator: 'in', values }) as const;

function queryOf(given: Partial<Rule>, settings?: FlagSettings, more: Partial<ReachQuery> = {}): ReachQuery {
  const draft = draftRule(STATE, 'production', rule(given), settings, DEFAULT_LIMITS);
  const dependence = dependenceOf([draft.rule], draft.bucketBy, {
    segment: (key) => STATE.segments.get(key)?.state,
    settings: () => undefined,
  });
  return {
    ...{ draft, dependence, period: PERIOD, sampleSize: 10_000, recording: KEEPS_ALL, nowMs: NOW },
    ...{ segments: [], attributes: [] },
    ...more,
  };
}

let store: ExposureStore;
beforeEach(() => {
  store = createExposureModel();
});

const people = (contexts: Recording['contexts']) => record(store, 'p', { contexts: contexts ?? [] });
const reach = (query: ReachQuery) => previewReach(store, SNAPSHOT, HERE, query);

describe('the reach of a draft', () => {
  beforeEach(async () => {
    await people([
      { subject: 's1', attributes: { plan: 'pro', platform: 'ios' }, seenAt: NOW - 1 },
      { subject: 's2', attributes: { plan: 'pro', platform: 'web' }, seenAt: NOW - 2 },
      { subject: 's3', attributes: { plan: 'free', platform: 'ios' }, seenAt: NOW - 3 * DAY_MS },
      { subject: 's4', attributes: { platform: 'ios' }, seenAt: NOW - 4 * DAY_MS },
      { subject: 's5', attributes: { plan: 'free' }, seenAt: NOW - DAY_MS + 1 },
      { subject: 'old', attributes: { plan: 'pro' }, seenAt: NOW - 31 * DAY_MS },
    ]);
  });

  it('is who matches its condition, exactly when everybody is asked', async () => {
    const { total, sample } = await reach(queryOf({ condition: onPlan('pro') }));
    expect(total).toEqual({
      ...{ sampled: 5, matched: 2, share: { value: 0.4, low: 0.4, high: 0.4 } },
      contexts: { value: 2, low: 2, high: 2 },
    });
    expect([sample.known, sample.sampled]).toEqual([5, 5]);
  });

  it('has an interval when some are asked', async () => {
    const { total } = await reach(queryOf({ condition: onPlan('pro') }, undefined, { sampleSize: 4 }));
    expect(total.sampled).toBe(4);
    expect(total.share.low).toBeLessThan(total.share.value);
    expect(total.share.high).toBeGreaterThan(total.share.value);
  });

  it('of everybody is everybody, whoever that is', async () => {
    const { total } = await reach(queryOf({}));
    expect(total).toMatchObject({ matched: 5, share: { value: 1, low: 1, high: 1 } });
  });

  it('is told apart by segments and by values, with those who lack the attribute', async () => {
    const query = queryOf({ condition: onPlan('pro') }, undefined, { attributes: ['platform'] });
    const { segments, attributes } = await reach(query);
    expect(segments.map(({ group, reach: { sampled, matched } }) => [group, sampled, matched])).toEqual([
      [{ kind: 'segment', segment: 'payers' }, 2, 2],
      [{ kind: 'segment', segment: 'staff' }, 1, 1],
    ]);
    expect(attributes.map(({ group, reach: { sampled, matched } }) => [group, sampled, matched])).toEqual([
      [{ kind: 'value', attribute: 'platform', value: 'ios' }, 3, 1],
      [{ kind: 'value', attribute: 'platform', value: 'web' }, 1, 1],
      [{ kind: 'missing', attribute: 'platform' }, 1, 0],
    ]);
  });

  it('reads segments as they are defined', async () => {
    const condition = { kind: 'segment', segments: ['payers'], negate: false } as const;
    const { total, missing } = await reach(queryOf({ condition }));
    expect(total.matched).toBe(2);
    expect(missing).toEqual([{ attribute: 'plan', contexts: 1, kept: true }]);
  });

  it('says loudly what it cannot know', async () => {
    const condition = {
      kind: 'any',
      conditions: [onPlan('pro'), { kind: 'clause', attribute: 'age', operator: 'gt', values: [17] }],
    } as const;
    const recording = { ...KEEPS_ALL, disabled: true };
    const { missing, warnings } = await reach(queryOf({ condition }, undefined, { recording }));
    expect(missing).toEqual([
      { attribute: 'age', contexts: 5, kept: false },
      { attribute: 'plan', contexts: 1, kept: true },
    ]);
    expect(warnings).toEqual([
      'this environment does not record evaluations at present',
      '5 of 5 contexts lack the attribute age, which decides here; the environment does not keep it',
      '1 of 5 contexts lack the attribute plan, which decides here',
    ]);
  });

  it('says what hashes of targeting keys are not good for', async () => {
    const recording = { ...KEEPS_ALL, hashTargetingKeys: true };
    const staff = { kind: 'segment', segments: ['staff'], negate: false } as const;
    const { warnings } = await reach(queryOf({ condition: staff }, undefined, { recording }));
    expect(warnings).toEqual([
      'targeting keys are stored as hashes: shares hold, but who is in them is not who it would be',
      'lists of targeting keys decide here, and match nobody, for nobody is known by their key',
    ]);
  });

  it('has those of the last day for a day, and the share of the volume of its flag', async () => {
    await record(store, 'q', {
      evaluations: [
        { time: NOW - 10 * DAY_MS, flag: 'checkout', variation: 'off', count: 400 },
        { time: NOW - 1, flag: 'checkout', variation: 'off', count: 50, weight: 2 },
        { time: NOW - 1, flag: 'other', variation: 'off', count: 1_000 },
      ],
    });
    const query = queryOf({ condition: onPlan('pro') }, undefined, { flag: 'checkout' });
    const { dailySubjects, dailyEvaluations } = await reach(query);
    expect(dailySubjects).toEqual({ value: 2, low: 2, high: 2 });
    // 500 in ten days, of which 40 %.
    expect(dailyEvaluations?.value).toBeCloseTo(20, 9);
  });

  it('is not sure of the subjects of a day if it has looked at those of less', async () => {
    const period = { from: NOW - 2, to: NOW };
    const { total, dailySubjects } = await reach(
      queryOf({ condition: onPlan('pro') }, undefined, { period }),
    );
    const { total: known } = await store.contexts(HERE, { from: NOW - DAY_MS, to: NOW, limit: 1 });
    expect(total.share).toEqual({ value: 1, low: 1, high: 1 });
    expect(known).toBeGreaterThan(total.sampled);
    expect(dailySubjects).toMatchObject({ value: known, high: known });
    expect(dailySubjects.low).toBeLessThan(known);
  });

  it('makes a day of what is known of less, and says so', async () => {
    await record(store, 'q', {
      evaluations: [{ time: NOW - 6 * 3_600_000, flag: 'checkout', variation: 'off', count: 60 }],
    });
    const { dailyEvaluations, warnings } = await reach(queryOf({}, undefined, { flag: 'checkout' }));
    expect(dailyEvaluations?.value).toBeCloseTo(240, 9);
    expect(warnings).toEqual(['daily evaluations are those of 6 h, made into a day']);
  });

  it('may be of any time there was', async () => {
    const period = { from: 0, to: NOW };
    const { total, dailyEvaluations } = await reach(queryOf({}, undefined, { period, flag: 'checkout' }));
    expect(total.matched).toBe(6);
    expect(dailyEvaluations?.value).toBe(0);
  });

  it('cannot be told without contexts, and says so', async () => {
    const period = { from: NOW - 100, to: NOW - 90 };
    const { total, warnings } = await reach(queryOf({}, undefined, { period }));
    expect(total).toMatchObject({ sampled: 0, matched: 0 });
    expect(warnings).toEqual(['no contexts were recorded in this period']);
    const recording = { ...KEEPS_ALL, keptAttributes: [] };
    expect((await reach(queryOf({}, undefined, { period, recording }))).warnings).toEqual([
      'no contexts were recorded in this period: the environment keeps no attributes, and so no contexts',
    ]);
  });

  it('stops when nobody waits for it', async () => {
    const crowd = Array.from({ length: 200 }, (_, n) => ({ subject: `x${n}`, seenAt: NOW - 1 }));
    await record(store, 'q', { contexts: crowd });
    const left = AbortSignal.abort();
    await expect(previewReach(store, SNAPSHOT, HERE, queryOf({}), left)).rejects.toMatchObject({
      kind: 'cancelled',
    });
  });
});

describe('a draft', () => {
  it('is refused as a change would be that adds it', () => {
    const segment = { kind: 'segment', segments: ['nobody'], negate: false } as const;
    const draft = (given: Partial<Rule>) => () =>
      draftRule(STATE, 'production', rule(given), undefined, DEFAULT_LIMITS);
    expect(draft({ condition: segment })).toThrow(/^rule\.condition.*nobody/);
    expect(draft({ rollout: { weight: 200_000 } })).toThrow(/^rule\.rollout\.weight/);
  });

  it('puts people into the buckets of the flag that it is meant for', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.uniqueArray(fc.string({ minLength: 1 }), { minLength: 1, maxLength: 30 }),
        fc.integer({ min: 0, max: 100_000 }),
        fc.constantFrom('murmur3' as const, 'sha256' as const, 'fnv1a' as const),
        fc.option(fc.constant('salt of its own'), { nil: undefined }),
        async (subjects, weight, hash, salt) => {
          store = createExposureModel();
          await people(subjects.map((subject) => ({ subject, seenAt: NOW - 1 })));
          const settings = { ...initialSettings('checkout'), hash, ...(salt !== undefined && { salt }) };
          const { total } = await reach(queryOf({ id: 'beta', rollout: { weight } }, settings));
          const buckets = salted(hash, `${salt ?? 'checkout'}:beta`);
          const within = subjects.filter((subject) => bucketOf(buckets, subject) < weight);
          expect(total.matched).toBe(within.length);
        },
      ),
      { numRuns: 60 },
    );
  });
});

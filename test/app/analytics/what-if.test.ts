import fc from 'fast-check';
import { beforeEach, describe, expect, it } from 'vitest';
import {
  candidateOf,
  formerCandidate,
  otherRule,
  otherSettings,
} from '../../../src/app/analytics/candidate.ts';
import { dependenceOf } from '../../../src/app/analytics/read-attributes.ts';
import { type ChangeQuery, previewChange } from '../../../src/app/analytics/what-if.ts';
import { snapshotOf } from '../../../src/app/environment-snapshot.ts';
import { deleteRule } from '../../../src/app/manage/rules.ts';
import { emptyState, type ProjectState, settingsOf } from '../../../src/app/project-state.ts';
import type { Plan } from '../../../src/app/writer.ts';
import { Evaluation } from '../../../src/core/evaluation.ts';
import { DEFAULT_LIMITS } from '../../../src/core/limits.ts';
import type { Rule } from '../../../src/core/model.ts';
import { DAY_MS } from '../../../src/core/time.ts';
import type { ExposureStore } from '../../../src/ports/exposure-store.ts';
import { createExposureModel } from '../../contract/exposure-model.ts';
import { HERE, type Recording, record } from '../../support/recorded.ts';
import { completeFlag, completeSettings, type FlagVector } from '../../vectors/load.ts';

const NOW = Date.parse('2030-06-30T12:00:00.000Z');
const INSTANT = new Date(NOW).toISOString();
const KEEPS_ALL = { disabled: false, keptAttributes: ['plan'], hashTargetingKeys: false };
const AT = { environment: 'production', flag: 'checkout' };

const stored = <T>(state: T) => ({ state, version: 1 });
const times = { name: '', description: '', archived: false, createdAt: INSTANT, updatedAt: INSTANT };

function stateWith(...vectors: FlagVector[]): ProjectState {
  const settings = new Map(vectors.map((vector) => [vector.key, stored(completeSettings(vector))]));
  return {
    ...emptyState('shop'),
    ...{ revision: 1, time: INSTANT },
    project: stored({ key: 'shop', ...times }),
    environments: new Map([['production', stored({ key: 'production', ...times })]]),
    flags: new Map(vectors.map((vector) => [vector.key, stored(completeFlag(vector))])),
    settings: new Map([['production', settings]]),
  };
}

const onPlan = (...values: string[]) =>
  ({ kind: 'clause', attribute: 'plan', operator: 'in', values }) as const;
const serving = (id: string, given: Partial<Rule> = {}): Rule => ({
  ...{ id, name: '', priority: 1, recordExposures: true },
  serve: { kind: 'variation', variation: 'on' },
  ...given,
});

function queryOf(state: ProjectState, plan: Plan, more: Partial<ChangeQuery> = {}): ChangeQuery {
  const today = snapshotOf(state, 'production');
  const candidate = candidateOf(state, today, AT, plan, INSTANT, DEFAULT_LIMITS);
  const both = [state, candidate.state].map((one) => settingsOf(one, 'production', 'checkout').state);
  const dependence = dependenceOf(both, undefined, {
    segment: (key) => candidate.state.segments.get(key)?.state,
    settings: (flag) => settingsOf(candidate.state, 'production', flag).state,
  });
  return {
    ...{
      flag: 'checkout',
      today,
      candidate: candidate.snapshot,
      dependence,
      recording: KEEPS_ALL,
      nowMs: NOW,
    },
    ...{ period: { from: NOW - 30 * DAY_MS, to: NOW }, sampleSize: 10_000, segments: [], attributes: [] },
    examples: 1,
    ...more,
  };
}

let store: ExposureStore;
beforeEach(() => {
  store = createExposureModel();
});

const people = (contexts: Recording['contexts']) => record(store, 'p', { contexts: contexts ?? [] });
const seen = (subject: string, attributes: { [name: string]: string } = {}) => ({
  ...{ subject, attributes, seenAt: NOW - 1 },
});
const preview = (query: ChangeQuery) => previewChange(store, HERE, query);

describe('a change that nobody has made', () => {
  const SIMPLE = stateWith({
    key: 'checkout',
    settings: { rules: [serving('pro', { condition: onPlan('pro') })] },
  });

  beforeEach(async () => {
    await people([
      seen('a', { plan: 'pro' }),
      seen('b', { plan: 'pro' }),
      seen('c', { plan: 'team' }),
      seen('d', { plan: 'free' }),
      seen('e'),
    ]);
  });

  it('moves people from variation to variation, with an example of each', async () => {
    const rule = serving('pro', { condition: onPlan('team', 'free') });
    const { cells, moved, warnings } = await preview(queryOf(SIMPLE, otherRule(AT, rule)));
    expect(cells.map(({ from, to, reach }) => [from, to, reach.matched, reach.share.value])).toEqual([
      ['off', 'on', 2, 0.4],
      ['on', 'off', 2, 0.4],
      ['off', 'off', 1, 0.2],
    ]);
    expect(moved).toMatchObject({ sampled: 5, matched: 4, share: { value: 0.8, low: 0.8, high: 0.8 } });
    const [example, ...others] = cells[1]?.examples ?? [];
    expect(others).toEqual([]);
    expect(['a', 'b']).toContain(example?.subject);
    expect(example).toMatchObject({
      ...{ attributes: { plan: 'pro' }, fromReason: 'TARGETING_MATCH', toReason: 'DEFAULT' },
    });
    expect(warnings).toEqual(['1 of 5 contexts lack the attribute plan, which decides here']);
  });

  it('may be a rule more, a rule less, or other settings altogether', async () => {
    const movedBy = async (plan: Plan) => (await preview(queryOf(SIMPLE, plan))).moved.matched;
    expect(await movedBy(otherRule(AT, serving('rest', { priority: 2 })))).toBe(3);
    expect(await movedBy(deleteRule(AT, 'pro'))).toBe(2);
    const settings = { ...settingsOf(SIMPLE, 'production', 'checkout').state, enabled: false };
    expect(await movedBy(otherSettings(AT, settings))).toBe(2);
    const targets = [{ variation: 'off', keys: ['a'] }];
    expect(await movedBy(otherSettings(AT, { ...settings, enabled: true, targets }))).toBe(1);
  });

  it('that changes nothing moves nobody', async () => {
    const { state } = settingsOf(SIMPLE, 'production', 'checkout');
    const { moved, cells } = await preview(queryOf(SIMPLE, otherSettings(AT, state)));
    expect(moved.matched).toBe(0);
    expect(cells.every(({ from, to }) => from === to)).toBe(true);
  });

  it('may be a way back to a former revision', async () => {
    const former = stateWith({ key: 'checkout', settings: { rules: [] } });
    const candidate = formerCandidate(former, 'production').snapshot;
    const { moved } = await preview({ ...queryOf(SIMPLE, deleteRule(AT, 'pro')), candidate });
    expect(moved.matched).toBe(2);
    expect(() => formerCandidate(former, 'staging')).toThrow(/no environment staging/);
  });

  it('is refused where the writer would refuse it', () => {
    const bad = serving('bad', { serve: { kind: 'variation', variation: 'blue' } });
    expect(() => queryOf(SIMPLE, otherRule(AT, bad))).toThrow(/settings\.rules\[1\]\.serve\.variation/);
    expect(() => queryOf(SIMPLE, deleteRule(AT, 'none'))).toThrow(/no rule none/);
  });

  it('is told apart by the values of attributes', async () => {
    const query = queryOf(SIMPLE, deleteRule(AT, 'pro'), { attributes: ['plan'] });
    const { attributes } = await preview(query);
    expect(attributes.map(({ group, moved }) => [group, moved.sampled, moved.matched])).toEqual([
      [{ kind: 'value', attribute: 'plan', value: 'pro' }, 2, 2],
      [{ kind: 'value', attribute: 'plan', value: 'free' }, 1, 0],
      [{ kind: 'value', attribute: 'plan', value: 'team' }, 1, 0],
      [{ kind: 'missing', attribute: 'plan' }, 1, 0],
    ]);
    expect(attributes[0]?.cells).toMatchObject([
      { from: 'on', to: 'off', reach: { matched: 2 }, examples: [] },
    ]);
  });

  it('is felt by flags that have this one as a prerequisite', async () => {
    const needs = (variation: string) => ({
      prerequisites: [{ flag: 'checkout', variations: [variation] }],
      rules: [serving('all')],
    });
    const state = stateWith(
      { key: 'checkout', settings: { rules: [serving('pro', { condition: onPlan('pro') })] } },
      { key: 'upsell', settings: needs('on') },
      { key: 'aloof', settings: { rules: [serving('all')] } },
    );
    const { dependents } = await preview(queryOf(state, deleteRule(AT, 'pro')));
    expect(dependents.map(({ flag, moved }) => [flag, moved.matched])).toEqual([['upsell', 2]]);
  });

  it('says of how many flags that depend on it only the first were looked at', async () => {
    const dependents = Array.from({ length: 23 }, (_, n) => ({
      key: `upsell-${n}`,
      settings: { prerequisites: [{ flag: 'checkout', variations: ['on'] }] },
    }));
    const state = stateWith({ key: 'checkout', settings: { rules: [serving('pro')] } }, ...dependents);
    const { warnings } = await preview(queryOf(state, deleteRule(AT, 'pro')));
    expect(warnings).toContain('23 flags depend on this one, of which only the first 20 were looked at');
  });

  it('is not what it will be once a scheduled change was made, and says so', async () => {
    const at = new Date(NOW + DAY_MS).toISOString();
    const change = { id: 'launch', at, action: { kind: 'enable' }, by: 'key:root' } as const;
    const settings = { enabled: false, rules: [serving('pro')], scheduledChanges: [change] };
    const state = stateWith({ key: 'checkout', settings });
    const warningsAt = async (nowMs: number) =>
      (await preview(queryOf(state, otherRule(AT, serving('more')), { nowMs }))).warnings;
    const still = 'the flag is not enabled, and answers its default variation';
    expect(await warningsAt(NOW)).toEqual([still]);
    expect(await warningsAt(NOW + DAY_MS)).toEqual([
      still,
      `the scheduled change launch is due at ${at}, and is not counted in`,
    ]);
  });

  it('is held against what people are recorded to have got', async () => {
    await record(store, 'q', {
      evaluations: ['a', 'b', 'c', 'd'].map((subject) => ({
        ...{ time: NOW - 5, flag: 'checkout', variation: 'on', subject },
      })),
    });
    const query = queryOf(SIMPLE, deleteRule(AT, 'pro'));
    const { compared, agreeing, warnings } = await preview(query);
    expect([compared, agreeing]).toEqual([4, 2]);
    expect(warnings.at(-1)).toMatch(/^only 2 of 4 contexts would get today what they are recorded/);
    const hashed = { ...query, recording: { ...KEEPS_ALL, hashTargetingKeys: true } };
    expect(await preview(hashed)).toMatchObject({ compared: 0, agreeing: 0 });
  });

  it('of a flag that does not look at its rules says so', async () => {
    const halt = { by: 'key:root', reason: 'incident', at: INSTANT };
    const rules = [serving('all')];
    const warningsOf = async (vector: Omit<FlagVector, 'key'>) => {
      const state = stateWith({ key: 'checkout', ...vector });
      return (await preview(queryOf(state, otherRule(AT, serving('more'))))).warnings;
    };
    expect(await warningsOf({ settings: { halt, rules } })).toEqual([
      'the flag is halted, and answers its default variation',
    ]);
    expect(await warningsOf({ settings: { enabled: false, rules } })).toEqual([
      'the flag is not enabled, and answers its default variation',
    ]);
  });
});

describe('the matrix of any change', () => {
  const weight = fc.integer({ min: 0, max: 100_000 });
  const conditions = fc.option(fc.subarray(['pro', 'team', 'free'], { minLength: 1 }), { nil: undefined });
  const rules = fc.array(fc.record({ weight, plans: conditions, variation: fc.constantFrom('on', 'off') }), {
    maxLength: 3,
  });
  const contexts = fc.uniqueArray(
    fc.record({
      subject: fc.string({ minLength: 1, maxLength: 8 }),
      plan: fc.constantFrom('pro', 'team', ''),
    }),
    { minLength: 1, maxLength: 40, selector: ({ subject }) => subject },
  );
  const asRules = (drafts: readonly { weight: number; plans?: string[] | undefined; variation: string }[]) =>
    drafts.map(({ weight: share, plans, variation }, index) =>
      serving(`r${index}`, {
        ...{ rollout: { weight: share }, priority: index },
        serve: { kind: 'variation', variation },
        ...(plans !== undefined && { condition: onPlan(...plans) }),
      }),
    );

  it('sums up to the sample, and says of everybody what the evaluator says', async () => {
    await fc.assert(
      fc.asyncProperty(rules, rules, contexts, async (before, after, known) => {
        store = createExposureModel();
        await people(known.map(({ subject, plan }) => seen(subject, plan === '' ? {} : { plan })));
        const state = stateWith({ key: 'checkout', settings: { rules: asRules(before) } });
        const { state: now } = settingsOf(state, 'production', 'checkout');
        const query = queryOf(state, otherSettings(AT, { ...now, rules: asRules(after) }));
        const { cells, moved, sample, attributes } = await preview({ ...query, attributes: ['plan'] });
        const expected = new Map<string, number>();
        for (const { subject, attributes: kept } of sample.contexts) {
          const [from, to] = [query.today, query.candidate].map(
            (one) =>
              new Evaluation(one, { targetingKey: subject, attributes: kept }, NOW).flag('checkout')
                .variation,
          );
          expected.set(`${from}>${to}`, (expected.get(`${from}>${to}`) ?? 0) + 1);
        }
        expect(new Map(cells.map(({ from, to, reach }) => [`${from}>${to}`, reach.matched]))).toEqual(
          expected,
        );
        const sum = (counts: readonly number[]) => counts.reduce((total, count) => total + count, 0);
        expect(sum(cells.map(({ reach }) => reach.matched))).toBe(known.length);
        expect(sum(attributes.map(({ moved: { sampled } }) => sampled))).toBe(known.length);
        expect(sum(attributes.map(({ moved: { matched } }) => matched))).toBe(moved.matched);
      }),
      { numRuns: 100 },
    );
  });
});

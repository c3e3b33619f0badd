import { describe, expect, it } from 'vitest';
import type { Violation } from '../../src/core/errors.ts';
import { DEFAULT_LIMITS, type Limits } from '../../src/core/limits.ts';
import type { Condition, FlagSettings, Guard, Json, Release, Rule, Segment } from '../../src/core/model.ts';
import { validateFlag } from '../../src/core/validate-flag.ts';
import { validateRelease } from '../../src/core/validate-release.ts';
import { validateSegment } from '../../src/core/validate-segment.ts';
import { validateSettings } from '../../src/core/validate-settings.ts';
import {
  completeFlag,
  completeRelease,
  completeSegment,
  completeSettings,
  type FlagVector,
} from '../vectors/load.ts';

const CLAUSE: Condition = { kind: 'clause', attribute: 'a', operator: 'eq', values: ['x'] };
const AT = '2026-03-01T00:00:00.000Z';

function paths(violations: readonly Violation[]): string[] {
  return violations.map(({ path }) => path);
}

function ofFlag(flag: Partial<FlagVector>, limits: Partial<Limits> = {}): Violation[] {
  return validateFlag(completeFlag({ key: 'checkout', ...flag }), { ...DEFAULT_LIMITS, ...limits });
}

function ofSettings(settings: object, limits: Partial<Limits> = {}): Violation[] {
  const vector: FlagVector = { key: 'checkout', settings };
  return validateSettings(completeSettings(vector), completeFlag({ key: 'checkout' }), {
    ...DEFAULT_LIMITS,
    ...limits,
  });
}

function ofRule(rule: Partial<Rule>, limits: Partial<Limits> = {}): Violation[] {
  return ofSettings({ rules: [rule] }, limits);
}

function ofCondition(condition: unknown, limits: Partial<Limits> = {}): Violation[] {
  return ofRule({ condition: condition as Condition }, limits);
}

function value(type: FlagVector['type'], one: Json): Partial<FlagVector> {
  return { ...(type && { type }), variations: [{ key: 'off', value: one }] };
}

describe('a flag', () => {
  it('is accepted when nothing is wrong with it', () => {
    expect(ofFlag({})).toEqual([]);
    expect(ofFlag({ temporary: true, removalAt: AT, tags: ['a', 'b'], description: 'Größe\n\t😀' })).toEqual(
      [],
    );
    expect(ofFlag(value('json', { list: [1, null, { deep: true }] }))).toEqual([]);
    expect(ofFlag(value('json', []))).toEqual([]);
    expect(ofFlag(value('number', -0.5))).toEqual([]);
  });

  it.each(['', 'A', 'a_b', '-a', 'a.b', 'ä', 'a b', 'a'.repeat(64), 'a\n'])('is not called %j', (key) => {
    expect(paths(ofFlag({ key }))).toEqual(['key']);
  });

  it.each(['a', '0', 'a-', '9-lives', 'a'.repeat(63)])('may be called %j', (key) => {
    expect(ofFlag({ key })).toEqual([]);
  });

  it.each<[string, Partial<FlagVector>, string]>([
    ['no variations', { variations: [] }, 'variations'],
    ['a default that is missing', { defaultVariation: 'purple' }, 'default_variation'],
    [
      'a variation twice',
      {
        variations: [
          { key: 'off', value: true },
          { key: 'off', value: false },
        ],
      },
      'variations[1].key',
    ],
    [
      'a variation without a key',
      {
        variations: [
          { key: '', value: true },
          { key: 'off', value: true },
        ],
      },
      'variations[0].key',
    ],
    ['a text in a boolean flag', value('boolean', 'true'), 'variations[0].value'],
    ['a number in a text flag', value('string', 1), 'variations[0].value'],
    ['NaN', value('number', Number.NaN), 'variations[0].value'],
    ['a scalar in a json flag', value('json', 'x'), 'variations[0].value'],
    ['null in a json flag', value('json', null), 'variations[0].value'],
    ['a lone surrogate', value('string', '\ud800'), 'variations[0].value'],
    ['NUL within a value', value('json', { a: ['x\0'] }), 'variations[0].value.a[0]'],
    [
      'an infinite number within a value',
      value('json', [1, Number.POSITIVE_INFINITY]),
      'variations[0].value[1]',
    ],
    ['a lone surrogate in its description', { description: '\udc00' }, 'description'],
    ['a tag twice', { tags: ['a', 'a'] }, 'tags[1]'],
    ['an empty tag', { tags: [''] }, 'tags[0]'],
    ['a removal time that is none', { temporary: true, removalAt: 'soon' }, 'removal_time'],
    ['a removal time without being temporary', { removalAt: AT }, 'removal_time'],
    ['a schema without being json', { jsonSchema: {} }, 'json_schema'],
    ['a type that is not known', { type: 'colour' as 'json' }, 'type'],
    ['a status that is not known', { status: 'asleep' as 'draft' }, 'status'],
  ])('does not have %s', (_what, flag, path) => {
    expect(paths(ofFlag(flag))).toEqual([path]);
  });

  it('names the limit that it exceeds', () => {
    expect(ofFlag({}, { variationsPerFlag: 1 })).toMatchObject([
      { path: 'variations', limit: 'variationsPerFlag' },
    ]);
    expect(ofFlag({ name: 'abc' }, { stringLength: 2 })).toMatchObject([
      { path: 'display_name', limit: 'stringLength' },
    ]);
    expect(ofFlag(value('string', 'é'), { valueBytes: 4 })).toEqual([]);
    expect(ofFlag(value('string', 'é'), { valueBytes: 3 })).toMatchObject([
      { path: 'variations[0].value', limit: 'valueBytes' },
    ]);
  });

  it('is not nested without end', () => {
    let deep: Json = [];
    for (let depth = 0; depth < 5000; depth++) deep = [deep];
    const [violation] = ofFlag(value('json', deep));
    expect(violation?.message).toContain('nested');
  });
});

describe('the settings of a flag', () => {
  it('are accepted when nothing is wrong with them', () => {
    const settings: Partial<FlagSettings> = {
      halt: { by: 'key:a', reason: '', at: AT },
      defaultVariation: 'on',
      prerequisites: [{ flag: 'base', variations: ['on'] }],
      targets: [{ variation: 'on', keys: ['u1', 'ü'] }],
      ...{ bucketBy: 'org.id', salt: 'größe', hash: 'sha256' },
      scheduledChanges: [
        { id: 'c1', at: AT, by: 'key:a', action: { kind: 'rollout', ruleId: 'r0', weight: 1 } },
        { id: 'c2', at: AT, by: 'key:a', action: { kind: 'resume' } },
      ],
    };
    expect(
      ofSettings({ ...settings, rules: [{ condition: CLAUSE, rollout: { weight: 1, salt: 'x' } }] }),
    ).toEqual([]);
  });

  it.each<[string, object, string]>([
    ['another flag', { flag: 'other' }, 'flag'],
    ['a default that is missing', { defaultVariation: 'purple' }, 'default_variation'],
    ['a hash that is not known', { hash: 'md5' }, 'hash'],
    ['a salt with NUL', { salt: '\0' }, 'salt'],
    [
      'itself as a prerequisite',
      { prerequisites: [{ flag: 'checkout', variations: ['on'] }] },
      'prerequisites[0].flag',
    ],
    [
      'a prerequisite twice',
      {
        prerequisites: [
          { flag: 'a', variations: ['x'] },
          { flag: 'a', variations: ['y'] },
        ],
      },
      'prerequisites[1].flag',
    ],
    [
      'a prerequisite of nothing',
      { prerequisites: [{ flag: 'a', variations: [] }] },
      'prerequisites[0].variations',
    ],
    [
      'a target of a missing variation',
      { targets: [{ variation: 'purple', keys: ['u'] }] },
      'targets[0].variation',
    ],
    [
      'an empty targeting key',
      { targets: [{ variation: 'on', keys: ['u', ''] }] },
      'targets[0].targeting_keys[1]',
    ],
    [
      'a targeting key twice',
      {
        targets: [
          { variation: 'on', keys: ['u'] },
          { variation: 'off', keys: ['v', 'u'] },
        ],
      },
      'targets[1].targeting_keys[1]',
    ],
    ['two rules of one id', { rules: [{ id: 'r' }, { id: 'r' }] }, 'rules[1].id'],
    [
      'a change at no time',
      { scheduledChanges: [{ id: 'c', at: '2026-03-01', by: '', action: { kind: 'enable' } }] },
      'scheduled_changes[0].time',
    ],
    [
      'a change of a rule that is missing',
      {
        scheduledChanges: [{ id: 'c', at: AT, by: '', action: { kind: 'rollout', ruleId: 'r9', weight: 5 } }],
      },
      'scheduled_changes[0].rollout.rule_id',
    ],
    [
      'a change to a variation that is missing',
      {
        scheduledChanges: [
          { id: 'c', at: AT, by: '', action: { kind: 'default_variation', variation: 'purple' } },
        ],
      },
      'scheduled_changes[0].default_variation',
    ],
    [
      'a change that is not known',
      { scheduledChanges: [{ id: 'c', at: AT, by: '', action: { kind: 'explode' } }] },
      'scheduled_changes[0]',
    ],
  ])('do not have %s', (_what, settings, path) => {
    expect(paths(ofSettings(settings))).toEqual([path]);
  });

  it('name the limit that they exceed', () => {
    const rules = Array.from({ length: 21 }, () => ({}));
    expect(ofSettings({ rules: rules.slice(1) })).toEqual([]);
    expect(ofSettings({ rules })).toMatchObject([{ path: 'rules', limit: 'rulesPerFlag' }]);
    const targets = [{ variation: 'on', keys: ['a', 'b', 'c'] }];
    expect(ofSettings({ targets }, { targetKeysPerFlag: 2 })).toMatchObject([{ limit: 'targetKeysPerFlag' }]);
    const prerequisites = ['a', 'b'].map((flag) => ({ flag, variations: ['on'] }));
    expect(ofSettings({ prerequisites }, { prerequisitesPerFlag: 1 })).toMatchObject([
      { limit: 'prerequisitesPerFlag' },
    ]);
    const scheduledChanges = ['a', 'b'].map((id) => ({ id, at: AT, by: '', action: { kind: 'enable' } }));
    expect(ofSettings({ scheduledChanges }, { scheduledChangesPerFlag: 1 })).toMatchObject([
      { limit: 'scheduledChangesPerFlag' },
    ]);
  });
});

function guard(fields: Partial<Guard>): Guard {
  const limits = { threshold: 1, minimumSample: 10, windowSeconds: 1, stages: [] };
  return { event: '', worse: 'higher', ...limits, onRegression: 'halt', ...fields };
}

function withoutThreshold({ threshold, ...rest }: Guard): Guard {
  return rest;
}

describe('a rule', () => {
  const split = (...weights: number[]) => ({
    kind: 'split' as const,
    variations: weights.map((weight, index) => ({ variation: index === 0 ? 'on' : 'off', weight })),
  });
  const steps = (...startsAt: string[]) => ({
    kind: 'steps' as const,
    steps: startsAt.map((at) => ({ startsAt: at, weight: 5 })),
  });
  const linear = {
    kind: 'linear' as const,
    startsAt: AT,
    endsAt: '2026-03-02T00:00:00.000Z',
    fromWeight: 0,
    toWeight: 1,
  };

  it('is accepted when nothing is wrong with it', () => {
    expect(ofRule({ serve: split(40_000, 60_000), ramp: linear, priority: -1.5 })).toEqual([]);
    expect(ofRule({ rollout: { weight: 0 }, ramp: steps(AT, '2026-03-01T00:00:00.001Z') })).toEqual([]);
  });

  it.each<[string, Partial<Rule>, string]>([
    ['no id', { id: '' }, 'rules[0].id'],
    ['no priority', { priority: Number.NaN }, 'rules[0].priority'],
    [
      'a variation that is missing',
      { serve: { kind: 'variation', variation: 'x' } },
      'rules[0].serve.variation',
    ],
    ['a way to serve that is not known', { serve: { kind: 'dice' } as never }, 'rules[0].serve'],
    ['weights that do not sum up', { serve: split(50_000, 49_999) }, 'rules[0].serve.split'],
    ['no weights', { serve: split() }, 'rules[0].serve.split'],
    ['a part of a rollout’s unit', { rollout: { weight: 0.5 } }, 'rules[0].rollout.weight'],
    ['a guard without a limit', { guard: withoutThreshold(guard({})) }, 'rules[0].guard'],
    ['a guard that asks hardly anybody', { guard: guard({ minimumSample: 9 }) }, 'rules[0].guard.min_sample'],
    [
      'a guard of an event that nobody can report',
      { guard: guard({ event: 'x'.repeat(101) }) },
      'rules[0].guard.event',
    ],
    ['a guard of an event on two lines', { guard: guard({ event: 'a\nb' }) }, 'rules[0].guard.event'],
    ['a guard that sees nothing', { guard: guard({}), recordExposures: false }, 'rules[0].exposure.disabled'],
    ['a guard without a window', { guard: guard({ windowSeconds: 0 }) }, 'rules[0].guard.window_s'],
    ['a guard whose limit is no share', { guard: guard({ threshold: -1 }) }, 'rules[0].guard.threshold'],
    [
      'a guard with a negative regression',
      { guard: guard({ relativeRegression: -1 }) },
      'rules[0].guard.relative_regression',
    ],
    [
      'stages that do not ascend',
      { guard: guard({ stages: [5, 5] }), rollout: { weight: 0 } },
      'rules[0].guard.stages[1]',
    ],
    ['stages without a rollout', { guard: guard({ stages: [5] }) }, 'rules[0].rollout'],
    [
      'stages beside a ramp',
      {
        guard: guard({ stages: [5] }),
        rollout: { weight: 0 },
        ramp: { kind: 'steps', steps: [{ startsAt: AT, weight: 1 }] },
      },
      'rules[0].guard.stages',
    ],
    ['a rollout above everybody', { rollout: { weight: 100_001 } }, 'rules[0].rollout.weight'],
    ['a rollout below nobody', { rollout: { weight: -1 } }, 'rules[0].rollout.weight'],
    ['a ramp without steps', { rollout: { weight: 0 }, ramp: steps() }, 'rules[0].ramp.steps.steps'],
    [
      'two steps at once',
      { rollout: { weight: 0 }, ramp: steps(AT, AT) },
      'rules[0].ramp.steps.steps[1].start_time',
    ],
    [
      'steps out of order',
      { rollout: { weight: 0 }, ramp: steps(AT, '2026-02-01T00:00:00.000Z') },
      'rules[0].ramp.steps.steps[1].start_time',
    ],
    [
      'a step at no time',
      { rollout: { weight: 0 }, ramp: steps('2026-02-30T00:00:00.000Z') },
      'rules[0].ramp.steps.steps[0].start_time',
    ],
    ['a ramp that ends at its start', { ramp: { ...linear, endsAt: AT } }, 'rules[0].ramp.linear.end_time'],
    ['a ramp above everybody', { ramp: { ...linear, toWeight: 100_001 } }, 'rules[0].ramp.linear.to_weight'],
    ['a ramp of steps that leaves open who is in before the first', { ramp: steps(AT) }, 'rules[0].rollout'],
    ['a ramp that is not known', { ramp: { kind: 'spiral' } as never }, 'rules[0].ramp'],
  ])('does not have %s', (_what, rule, path) => {
    expect(paths(ofRule(rule))).toEqual([path]);
  });

  it('does not give a negative part, nor a variation twice', () => {
    expect(paths(ofRule({ serve: split(100_001, -1) }))).toEqual([
      'rules[0].serve.split.variations[0].weight',
      'rules[0].serve.split.variations[1].weight',
    ]);
    expect(paths(ofRule({ serve: split(50_000, 25_000, 25_000) }))).toEqual([
      'rules[0].serve.split.variations[2].variation',
    ]);
  });

  it('names the limit that it exceeds', () => {
    expect(
      ofRule({ rollout: { weight: 0 }, ramp: steps(AT, '2026-04-01T00:00:00.000Z') }, { stepsPerRamp: 1 }),
    ).toMatchObject([{ path: 'rules[0].ramp.steps.steps', limit: 'stepsPerRamp' }]);
  });
});

describe('a condition', () => {
  it.each<[string, unknown, string]>([
    ['an attribute without a name', { ...CLAUSE, attribute: '' }, '.clause.attribute'],
    ['an any of nothing', { kind: 'any', conditions: [] }, ''],
    ['a kind that is not known', { kind: 'moon_phase' }, ''],
    ['no segment', { kind: 'segment', segments: [], negate: true }, '.segment.segments'],
    [
      'a segment that cannot be',
      { kind: 'segment', segments: ['ok', 'Not OK'], negate: true },
      '.segment.segments[1]',
    ],
    ['a gate that is not known', { kind: 'release', gate: { kind: 'weather' } }, '.release'],
    ['a gate without a branch', { kind: 'release', gate: { kind: 'branch', branch: '' } }, '.release.branch'],
    [
      'a gate of no days',
      { kind: 'release', gate: { kind: 'updated_within', days: 0 } },
      '.release.updated_within_days',
    ],
    [
      'a gate on no version',
      { kind: 'release', gate: { kind: 'runtime_version', operator: 'gt', version: 'x' } },
      '.release.runtime_version.version',
    ],
    [
      'a gate by equality',
      { kind: 'release', gate: { kind: 'runtime_version', operator: 'eq', version: '1' } },
      '.release.runtime_version.operator',
    ],
  ])('does not have %s', (_what, condition, path) => {
    expect(paths(ofCondition(condition))).toEqual([`rules[0].condition${path}`]);
    const nested = { kind: 'all', conditions: [CLAUSE, { kind: 'not', condition }] };
    expect(paths(ofCondition(nested))).toEqual([`rules[0].condition.all.conditions[1].not${path}`]);
  });

  it('says exactly where a mistake is', () => {
    const wrong: Condition = { kind: 'clause', attribute: 'a', operator: 'in_cidr', values: ['::/0', 'x'] };
    expect(ofCondition({ kind: 'all', conditions: [wrong] })).toEqual([
      {
        path: 'rules[0].condition.all.conditions[0].clause.values[1]',
        message: '"x" is not an address range',
      },
    ]);
  });

  it('names the limit that it exceeds', () => {
    const deep = { kind: 'not', condition: { kind: 'not', condition: CLAUSE } };
    expect(ofCondition(deep, { conditionDepth: 3 })).toEqual([]);
    expect(ofCondition(deep, { conditionDepth: 2 })).toMatchObject([
      { path: 'rules[0].condition.not.not', limit: 'conditionDepth' },
    ]);
    const two = { kind: 'any', conditions: [CLAUSE, CLAUSE] };
    expect(ofCondition(two, { clausesPerCondition: 1 })).toMatchObject([{ limit: 'clausesPerCondition' }]);
    const many = { ...CLAUSE, values: ['a', 'b'] };
    expect(ofCondition(many, { valuesPerClause: 1 })).toMatchObject([{ limit: 'valuesPerClause' }]);
    const long = { ...CLAUSE, operator: 'matches', values: ['abc'] };
    expect(ofCondition(long, { patternLength: 2 })).toMatchObject([{ limit: 'patternLength' }]);
  });

  it('that is nested for ever is refused without being walked', () => {
    let deep: Condition = CLAUSE;
    for (let depth = 0; depth < 100_000; depth++) deep = { kind: 'not', condition: deep };
    expect(ofCondition(deep)).toMatchObject([{ limit: 'conditionDepth' }]);
  });
});

describe('a segment', () => {
  const ofSegment = (segment: Partial<Segment>, limits: Partial<Limits> = {}) =>
    validateSegment(completeSegment({ key: 'staff', ...segment }), { ...DEFAULT_LIMITS, ...limits });

  it('is accepted when nothing is wrong with it', () => {
    expect(ofSegment({ included: ['u1'], excluded: ['u1'], condition: CLAUSE })).toEqual([]);
  });

  it.each<[string, Partial<Segment>, string]>([
    ['a key in capitals', { key: 'Staff' }, 'key'],
    ['an empty key among its own', { included: [''] }, 'included[0]'],
    ['a key twice', { excluded: ['a', 'b', 'a'] }, 'excluded[2]'],
    ['a broken condition', { condition: { ...CLAUSE, values: [] } as Condition }, 'condition.clause.values'],
  ])('does not have %s', (_what, segment, path) => {
    expect(paths(ofSegment(segment))).toEqual([path]);
  });

  it('names the limit that it exceeds', () => {
    expect(ofSegment({ included: ['a'], excluded: ['b'] }, { segmentKeys: 1 })).toMatchObject([
      { limit: 'segmentKeys' },
    ]);
  });
});

describe('a release', () => {
  const ofRelease = (release: Partial<Release>) =>
    validateRelease(completeRelease({ key: 'r1', ...release }), DEFAULT_LIMITS);
  const flags = [{ flag: 'a', variation: 'on' }];

  it('is accepted when nothing is wrong with it', () => {
    expect(ofRelease({ flags, rolledBackFlags: ['a'], runtimeVersion: 'v1.2' })).toEqual([]);
  });

  it.each<[string, Partial<Release>, string]>([
    ['a key with a dot', { key: '1.2' }, 'key'],
    ['a runtime version that is none', { runtimeVersion: 'new' }, 'runtime_version'],
    ['a rollout above everybody', { rolloutWeight: 100_001 }, 'rollout_weight'],
    ['a flag twice', { flags: [...flags, ...flags] }, 'flags[a]'],
    ['a flag rolled back that it does not set', { flags, rolledBackFlags: ['b'] }, 'rolled_back_flags[0]'],
    ['a state that is not known', { state: 'lost' as 'active' }, 'state'],
  ])('does not have %s', (_what, release, path) => {
    expect(paths(ofRelease(release))).toEqual([path]);
  });
});

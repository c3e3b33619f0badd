import fc from 'fast-check';
import type { Context } from '../../../src/core/context.ts';
import type {
  Condition,
  FlagSettings,
  Instant,
  Json,
  JsonObject,
  Ramp,
  Rule,
  Serve,
} from '../../../src/core/model.ts';
import type { FlagVector, Scenario } from '../../vectors/load.ts';

/** Sound definitions and arbitrary contexts that often meet: they draw from the same few names and values. */

export const FLAG_KEYS = ['f0', 'f1', 'f2', 'f3', 'f4', 'f5'] as const;
export const SEGMENT_KEYS = ['s0', 's1', 's2'] as const;
const ATTRIBUTES = [
  'plan',
  'age',
  'device.branch',
  'device.os',
  'targetingKey',
  '__proto__',
  'constructor',
] as const;
const TEXTS = [
  '',
  'pro',
  'free',
  '7',
  '1.2.0',
  'v2',
  '10.0.0.1',
  '2026-03-01',
  '2026-03-01T12:00:00Z',
  'é',
  '😀',
];
const START_MS = Date.parse('2026-03-01T00:00:00.000Z');

export const nows = fc.integer({ min: START_MS - 100_000, max: START_MS + 2_000_000 });

const scalar: fc.Arbitrary<Json> = fc.oneof(
  fc.constantFrom<Json[]>(...TEXTS, 0, 7, -1.5, 1_772_323_200_000, true, false),
  fc.string(),
  fc.double({ noDefaultInfinity: true, noNaN: true }),
);
const awkward: fc.Arbitrary<Json> = fc.oneof(
  { weight: 6, arbitrary: scalar },
  fc.constantFrom<Json[]>(null, Number.NaN, Number.POSITIVE_INFINITY, [], {}, '\ud800', 'x'.repeat(5000)),
  fc.array(scalar, { maxLength: 4 }),
  fc.jsonValue() as fc.Arbitrary<Json>,
);

const attributes: fc.Arbitrary<JsonObject> = fc
  .tuple(
    fc.array(fc.tuple(fc.constantFrom(...ATTRIBUTES), awkward), { maxLength: 5 }),
    fc.option(
      fc.record({ branch: awkward, releaseId: awkward, updatedAt: awkward, runtimeVersion: awkward }),
      {
        nil: undefined,
      },
    ),
  )
  .map(([entries, device]) =>
    Object.fromEntries(device === undefined ? entries : [...entries, ['device', device]]),
  );

export const contexts: fc.Arbitrary<Context> = fc.record({
  targetingKey: fc.oneof(fc.constantFrom('', 'u1', 'u2', 'u3'), fc.string(), fc.string({ unit: 'binary' })),
  attributes,
});

const clause: fc.Arbitrary<Condition> = fc
  .oneof(
    withValues(['eq', 'neq', 'in', 'not_in'], scalar),
    withValues(
      ['contains', 'not_contains', 'starts_with', 'ends_with'],
      fc.constantFrom('', 'pro', 'e', '7'),
    ),
    withValues(['matches'], fc.constantFrom('^p', 'r.*$', '(x+)+y', '\\d')),
    withValues(['gt', 'gte', 'lt', 'lte'], fc.oneof(fc.integer(), fc.constantFrom('7', '-1.5'))),
    withValues(['before', 'after'], fc.constantFrom('2026-03-01', '2026-03-01T12:00:00Z', 1_772_323_200_000)),
    withValues(
      ['semver_eq', 'semver_gt', 'semver_gte', 'semver_lt', 'semver_lte'],
      fc.constantFrom('1.2', 'v2'),
    ),
    withValues(['in_cidr'], fc.constantFrom('10.0.0.0/8', '::/0')),
    fc.constantFrom('exists', 'not_exists').map((operator) => ({ operator, values: [] })),
  )
  .chain((operation) =>
    fc
      .constantFrom(...ATTRIBUTES)
      .map((attribute) => ({ kind: 'clause', attribute, ...operation }) as Condition & { kind: 'clause' }),
  );

function withValues(operators: readonly string[], value: fc.Arbitrary<Json>) {
  return fc.record({
    operator: fc.constantFrom(...operators),
    values: fc.array(value, { minLength: 1, maxLength: 3 }),
  });
}

const leaf: fc.Arbitrary<Condition> = fc.oneof(
  { weight: 4, arbitrary: clause },
  fc.record({
    kind: fc.constant('segment' as const),
    segments: fc.array(fc.constantFrom(...SEGMENT_KEYS), { minLength: 1, maxLength: 2 }),
    negate: fc.boolean(),
  }),
  fc.constantFrom<Condition[]>(
    { kind: 'release', gate: { kind: 'runtime_version', operator: 'gte', version: '1.2' } },
    { kind: 'release', gate: { kind: 'branch', branch: 'pro' } },
    { kind: 'release', gate: { kind: 'updated_within', days: 1 } },
  ),
);

export const conditions: fc.Arbitrary<Condition> = fc.letrec<{ node: Condition }>((tie) => ({
  node: fc.oneof(
    { maxDepth: 3, withCrossShrink: true },
    leaf,
    fc.record({ kind: fc.constant('all' as const), conditions: fc.array(tie('node'), { maxLength: 3 }) }),
    fc.record({
      kind: fc.constant('any' as const),
      conditions: fc.array(tie('node'), { minLength: 1, maxLength: 3 }),
    }),
    fc.record({ kind: fc.constant('not' as const), condition: tie('node') }),
  ),
})).node;

const weights = fc.oneof(
  fc.constantFrom(0, 1, 50_000, 99_999, 100_000),
  fc.integer({ min: 0, max: 100_000 }),
);

function instantAt(ms: number): Instant {
  return new Date(ms).toISOString();
}

export const ramps: fc.Arbitrary<Ramp> = fc.oneof(
  fc.uniqueArray(fc.integer({ min: 0, max: 1_000_000 }), { minLength: 1, maxLength: 5 }).chain((offsets) =>
    fc.array(weights, { minLength: offsets.length, maxLength: offsets.length }).map((steps) => ({
      kind: 'steps' as const,
      steps: offsets
        .toSorted((a, b) => a - b)
        .map((offset, index) => ({ startsAt: instantAt(START_MS + offset), weight: steps[index] ?? 0 })),
    })),
  ),
  fc
    .tuple(fc.integer({ min: 0, max: 1_000_000 }), fc.integer({ min: 1, max: 1_000_000 }), weights, weights)
    .map(([start, length, fromWeight, toWeight]) => ({
      kind: 'linear' as const,
      startsAt: instantAt(START_MS + start),
      endsAt: instantAt(START_MS + start + length),
      ...{ fromWeight, toWeight },
    })),
);

const serves: fc.Arbitrary<Serve> = fc.oneof(
  fc.constantFrom('on', 'off').map((variation): Serve => ({ kind: 'variation', variation })),
  weights.map(
    (weight): Serve => ({
      kind: 'split',
      variations: [
        { variation: 'on', weight },
        { variation: 'off', weight: 100_000 - weight },
      ],
    }),
  ),
);

const rules: fc.Arbitrary<Partial<Rule>> = fc
  .record(
    {
      priority: fc.integer({ min: 0, max: 3 }),
      condition: conditions,
      rollout: fc.record({ weight: weights }),
      ramp: ramps,
      serve: serves,
      recordExposures: fc.boolean(),
    },
    { requiredKeys: ['serve'] },
  )
  // A ramp of steps is accepted only with a rollout below it.
  .map((rule) => (rule.ramp?.kind === 'steps' ? { rollout: { weight: 0 }, ...rule } : rule));

const HALT = { by: 'key:a', reason: 'errors rose', at: '2026-01-01T00:00:00.000Z' };

const settings: fc.Arbitrary<NonNullable<FlagVector['settings']>> = fc.record(
  {
    enabled: fc.oneof({ weight: 5, arbitrary: fc.constant(true) }, fc.boolean()),
    halt: fc.constant(HALT),
    defaultVariation: fc.constantFrom('on', 'off'),
    targets: fc.constantFrom<FlagSettings['targets'][]>([], [{ variation: 'on', keys: ['u1', 'é'] }]),
    rules: fc.array(rules, { maxLength: 4 }),
    bucketBy: fc.constantFrom('plan', 'age', 'device.os'),
    salt: fc.constantFrom('x', 'größe'),
    hash: fc.constantFrom('murmur3', 'sha256', 'fnv1a'),
  },
  { requiredKeys: ['enabled', 'rules'] },
);

/** Any graph of prerequisites, circles among them. */
const flags: fc.Arbitrary<FlagVector[]> = fc.tuple(
  ...FLAG_KEYS.map((key) =>
    fc.record({
      key: fc.constant(key),
      status: fc.constantFrom('active', 'active', 'active', 'draft', 'archived'),
      settings: fc
        .tuple(
          settings,
          fc.uniqueArray(fc.constantFrom(...FLAG_KEYS, 'missing'), { maxLength: 3 }),
          fc.constantFrom(['on'], ['off'], ['on', 'off']),
          fc.integer({ min: 0, max: 4 }),
        )
        .map(([given, needed, variations, chance]) => ({
          ...withoutFrequentHalt(given, chance),
          prerequisites: needed.filter((flag) => flag !== key).map((flag) => ({ flag, variations })),
        })),
    }),
  ),
) as fc.Arbitrary<FlagVector[]>;

function withoutFrequentHalt(given: NonNullable<FlagVector['settings']>, chance: number) {
  const { halt, ...rest } = given;
  return chance === 0 && halt !== undefined ? given : rest;
}

/** An environment that may hold circles of flags and segments. */
export const environments: fc.Arbitrary<Omit<Scenario, 'name' | 'cases'>> = fc.record({
  flags,
  segments: fc.tuple(
    ...SEGMENT_KEYS.map((key) =>
      fc.record(
        {
          key: fc.constant(key),
          included: fc.constant(['u1']),
          excluded: fc.constant(['u2']),
          condition: conditions,
        },
        { requiredKeys: ['key'] },
      ),
    ),
  ),
  releases: fc.constantFrom([], [{ key: 'pro', flags: [{ flag: 'f1', variation: 'on' }] }]),
});

import fc from 'fast-check';
import { Operator as WireOperator } from '../../../gen/vexil/v1/definitions_pb.ts';
import type {
  Condition,
  Flag,
  FlagSettings,
  Guard,
  Instant,
  Json,
  JsonObject,
  Operator,
  Ramp,
  Release,
  ReleaseGate,
  Rule,
  ScheduledAction,
  ScheduledChange,
  Segment,
  Serve,
  Variation,
} from '../../../src/core/model.ts';
import { WHOLE } from '../../../src/core/model.ts';
import { operators } from '../../../src/rpc/convert/enums.ts';

/** Model objects of every shape, with something other than the default in any field. */

function record<T>(model: { [Name in keyof T]: fc.Arbitrary<T[Name]> }): fc.Arbitrary<T> {
  return fc.record(model, { noNullPrototype: true }) as fc.Arbitrary<T>;
}

const key = fc.stringMatching(/^[a-z0-9]([a-z0-9-]{0,10}[a-z0-9])?$/);
const text = fc.string({ unit: 'grapheme', maxLength: 12 });
const someText = fc.string({ unit: 'grapheme', minLength: 1, maxLength: 12 });
const texts = fc.array(text, { maxLength: 4 });
const weight = fc.integer({ min: 0, max: WHOLE });
const instant: fc.Arbitrary<Instant> = fc
  .date({
    min: new Date('0001-01-01T00:00:00.000Z'),
    max: new Date('9999-12-31T23:59:59.999Z'),
    noInvalidDate: true,
  })
  .map((date) => date.toISOString());

const scalar = fc.oneof(
  fc.constant(null),
  fc.boolean(),
  fc.double({ noNaN: true, noDefaultInfinity: true }),
  text,
);
const memberName = fc.oneof(text, fc.constantFrom('__proto__', 'constructor', 'a.b', ''));

export const json: fc.Arbitrary<Json> = fc.letrec<{ value: Json; object: JsonObject }>((tie) => ({
  value: fc.oneof(
    { depthSize: 'small', withCrossShrink: true },
    scalar,
    fc.array(tie('value'), { maxLength: 3 }),
    tie('object'),
  ),
  object: fc
    .array(fc.tuple(memberName, tie('value')), { maxLength: 3 })
    .map((members): JsonObject => Object.fromEntries(members)),
})).value;

const jsonObject = fc
  .array(fc.tuple(memberName, json), { maxLength: 3 })
  .map((members): JsonObject => Object.fromEntries(members));

const allOperators = Object.values(WireOperator).flatMap((number): Operator[] => {
  const name = operators.fromWire(number);
  return name === undefined ? [] : [name];
});

const gate: fc.Arbitrary<ReleaseGate> = fc.oneof(
  record({
    kind: fc.constant('runtime_version' as const),
    operator: fc.constantFrom('gt' as const, 'gte' as const, 'lt' as const, 'lte' as const),
    version: text,
  }),
  record({ kind: fc.constant('branch' as const), branch: text }),
  record({ kind: fc.constant('updated_within' as const), days: fc.nat() }),
);

export const condition: fc.Arbitrary<Condition> = fc.letrec<{ node: Condition }>((tie) => ({
  node: fc.oneof(
    { depthSize: 'small', withCrossShrink: true },
    record({
      kind: fc.constant('clause' as const),
      attribute: text,
      operator: fc.constantFrom(...allOperators),
      values: fc.array(json, { maxLength: 3 }),
    }),
    record({ kind: fc.constant('segment' as const), segments: texts, negate: fc.boolean() }),
    record({ kind: fc.constant('release' as const), gate }),
    record({ kind: fc.constant('not' as const), condition: tie('node') }),
    record({
      kind: fc.constantFrom('all' as const, 'any' as const),
      conditions: fc.array(tie('node'), { maxLength: 3 }),
    }),
  ),
})).node;

const serve: fc.Arbitrary<Serve> = fc.oneof(
  record({ kind: fc.constant('variation' as const), variation: text }),
  record({
    kind: fc.constant('split' as const),
    variations: fc.array(record({ variation: text, weight }), { maxLength: 4 }),
  }),
);

const ramp: fc.Arbitrary<Ramp> = fc.oneof(
  record({
    kind: fc.constant('steps' as const),
    steps: fc.array(record({ startsAt: instant, weight }), { maxLength: 4 }),
  }),
  record({
    kind: fc.constant('linear' as const),
    startsAt: instant,
    endsAt: instant,
    fromWeight: weight,
    toWeight: weight,
  }),
);

/** Records in which the optional fields are sometimes absent. */
function required<T, Optional extends keyof T & string>(
  model: { [Name in keyof T]-?: fc.Arbitrary<Exclude<T[Name], undefined>> },
  optional: readonly Optional[],
): fc.Arbitrary<T> {
  const whole = fc.record(model, { noNullPrototype: true });
  return fc.tuple(whole, fc.subarray([...optional])).map(([fields, absent]) => {
    const kept = Object.entries(fields).filter(([name]) => !absent.some((each) => each === name));
    return Object.fromEntries(kept) as T;
  });
}

const guard: fc.Arbitrary<Guard> = required<Guard, 'threshold' | 'relativeRegression'>(
  {
    event: someText,
    worse: fc.constantFrom('higher' as const, 'lower' as const),
    threshold: weight,
    relativeRegression: weight,
    minimumSample: fc.nat(),
    windowSeconds: fc.nat(),
    stages: fc.array(weight, { maxLength: 4 }),
    onRegression: fc.constantFrom('step_back' as const, 'halt' as const),
  },
  ['threshold', 'relativeRegression'],
);

/** Without the state of a guard, which is not for callers to say. */
export const rule: fc.Arbitrary<Rule> = required<
  Omit<Rule, 'guardState'>,
  'condition' | 'rollout' | 'ramp' | 'guard'
>(
  {
    id: text,
    name: text,
    priority: fc.double({ noNaN: true, noDefaultInfinity: true }),
    condition,
    rollout: required<NonNullable<Rule['rollout']>, 'salt'>({ weight, salt: someText }, ['salt']),
    serve,
    ramp,
    recordExposures: fc.boolean(),
    guard,
  },
  ['condition', 'rollout', 'ramp', 'guard'],
);

const action: fc.Arbitrary<ScheduledAction> = fc.oneof(
  record({ kind: fc.constantFrom('enable' as const, 'disable' as const, 'resume' as const) }),
  record({ kind: fc.constant('halt' as const), reason: text }),
  record({ kind: fc.constant('rollout' as const), ruleId: text, weight }),
  record({ kind: fc.constant('default_variation' as const), variation: text }),
);

export const scheduledChange: fc.Arbitrary<ScheduledChange> = record({
  id: text,
  at: instant,
  action,
  by: text,
});

export const settings: fc.Arbitrary<FlagSettings> = required<
  FlagSettings,
  'halt' | 'defaultVariation' | 'bucketBy' | 'salt' | 'updatedAt'
>(
  {
    flag: key,
    enabled: fc.boolean(),
    halt: record({ by: text, reason: text, at: instant }),
    defaultVariation: someText,
    prerequisites: fc.array(record({ flag: text, variations: texts }), { maxLength: 3 }),
    targets: fc.array(record({ variation: text, keys: texts }), { maxLength: 3 }),
    rules: fc.array(rule, { maxLength: 3 }),
    bucketBy: someText,
    salt: someText,
    hash: fc.constantFrom('murmur3' as const, 'sha256' as const, 'fnv1a' as const),
    scheduledChanges: fc.array(scheduledChange, { maxLength: 3 }),
    updatedAt: instant,
  },
  ['halt', 'defaultVariation', 'bucketBy', 'salt', 'updatedAt'],
);

const variation: fc.Arbitrary<Variation> = required<Variation, 'name' | 'description'>(
  { key: text, value: json, name: someText, description: someText },
  ['name', 'description'],
);

export const flag: fc.Arbitrary<Flag> = required<
  Omit<Flag, 'statusBeforeArchive'>,
  'jsonSchema' | 'removalAt'
>(
  {
    key,
    name: text,
    description: text,
    tags: texts,
    owner: text,
    type: fc.constantFrom('boolean' as const, 'string' as const, 'number' as const, 'json' as const),
    variations: fc.array(variation, { maxLength: 4 }),
    defaultVariation: text,
    jsonSchema: jsonObject,
    status: fc.constantFrom('draft' as const, 'active' as const, 'archived' as const),
    clientVisible: fc.boolean(),
    temporary: fc.boolean(),
    removalAt: instant,
    createdAt: instant,
    updatedAt: instant,
  },
  ['jsonSchema', 'removalAt'],
);

export const segment: fc.Arbitrary<Segment> = required<Segment, 'condition'>(
  {
    key,
    name: text,
    description: text,
    included: texts,
    excluded: texts,
    condition,
    archived: fc.boolean(),
    createdAt: instant,
    updatedAt: instant,
  },
  ['condition'],
);

export const release: fc.Arbitrary<Release> = record({
  key,
  branch: text,
  runtimeVersion: text,
  rolloutWeight: weight,
  state: fc.constantFrom('active' as const, 'completed' as const, 'rolled_back' as const),
  flags: fc
    .uniqueArray(record({ flag: key, variation: text }), { selector: (each) => each.flag, maxLength: 4 })
    .map((flags) => flags.toSorted((a, b) => (a.flag < b.flag ? -1 : 1))),
  rolledBackFlags: texts,
  createdAt: instant,
  updatedAt: instant,
});

import { Ajv2020 } from 'ajv/dist/2020.js';
import fc from 'fast-check';
import { expect, it, test } from 'vitest';
import { contentViolations } from '../../src/app/check-content.ts';
import { schemaViolations } from '../../src/app/json-schema.ts';
import { DEFAULT_LIMITS } from '../../src/core/limits.ts';
import type { Flag, Json, JsonObject } from '../../src/core/model.ts';
import { checkout, shop } from './manage/shop.ts';

const flagWith = (jsonSchema: JsonObject, ...values: Json[]): Flag => ({
  ...checkout,
  ...{ type: 'json', jsonSchema, defaultVariation: 'v0' },
  variations: values.map((value, index) => ({ key: `v${index}`, value })),
});
const problems = (schema: JsonObject, ...values: Json[]) =>
  schemaViolations(flagWith(schema, ...values)).map(({ path, message }) => `${path}: ${message}`);
const many = <T>(count: number, make: (index: number) => T): T[] =>
  Array.from({ length: count }, (_, index) => make(index));

const TOO_MUCH = ['json_schema: takes too much work to check'];
const doubling = (refer: (ref: JsonObject) => JsonObject) => ({
  $ref: '#/$defs/d0',
  $defs: {
    ...Object.fromEntries(
      many(30, (level) => {
        const next = { $ref: `#/$defs/d${level + 1}` };
        return [`d${level}`, { allOf: [refer(next), refer(next)] }];
      }),
    ),
    d30: {},
  },
});

test.each<[string, JsonObject, Json]>([
  ['doubles thirty times', doubling((ref) => ref), {}],
  ['doubles with every level of the value', { allOf: many(2, () => ({ items: { $ref: '#' } })) }, nested(40)],
  [
    'compares ten thousand items five hundred times',
    { allOf: many(500, () => ({ uniqueItems: true })) },
    many(10_000, (i) => [i]),
  ],
  [
    'counts a long text seven hundred times',
    { anyOf: many(700, () => ({ minLength: 70_000 })) },
    'x'.repeat(64_000),
  ],
  [
    'tries hundreds of patterns on thousands of names',
    { patternProperties: Object.fromEntries(many(900, (i) => [`x${i}$`, {}])) },
    Object.fromEntries(many(3_000, (i) => [`k${i}`, 1])),
  ],
  ['tries a big pattern on a long text', { pattern: '(x?y?){500}' }, 'xy'.repeat(15_000)],
  [
    'holds every item against hundreds of schemas',
    { oneOf: many(700, () => ({ items: {} })) },
    many(20_000, () => 1),
  ],
])('a schema that %s is refused', (_, schema, value) => {
  expect(problems(schema, value)).toEqual(TOO_MUCH);
});

test.each<[string, JsonObject]>([
  ['is not there', { properties: { a: { $ref: '#/$defs/a' } } }],
  ['is elsewhere', { properties: { a: { $ref: 'https://example.com/a' } } }],
  ['is dynamic', { properties: { a: { $dynamicRef: '#a' } } }],
  ['may mean two places', { $defs: { a: { $id: 'https://example.com/a' } } }],
])('a schema with a reference to what %s is refused, whatever the value', (_, schema) => {
  expect(problems(schema, {})).toHaveLength(1);
});

it('may refer to itself, if every turn goes further into the value', () => {
  const tree = { type: 'object', properties: { children: { type: 'array', items: { $ref: '#' } } } };
  expect(problems(tree, { children: many(2_000, () => ({ children: [] })) })).toEqual([]);
  expect(problems(tree, { children: [{ children: [1] }] })).toEqual([
    'variations[0].value/children/0/children/0: must be object',
  ]);
  expect(problems({ $ref: '#' }, {})[0]).toContain('refers to itself without end');
});

it('holds for a value as large as may be', () => {
  const row = {
    type: 'object',
    required: ['id'],
    properties: { id: { type: 'integer' }, name: { maxLength: 20 } },
  };
  const rows = many(1_500, (id) => ({ id, name: `name of ${id}` }));
  expect(problems({ type: 'array', items: row, uniqueItems: true }, rows)).toEqual([]);
});

it('is not asked about a flag whose schema and values stay as they are', () => {
  const flag = flagWith({ required: ['a'] }, {});
  const before = shop({ kind: 'flag', state: flag });
  const check = (state: Flag) => contentViolations(before, before, { kind: 'flag', state }, DEFAULT_LIMITS);
  expect(check({ ...flag, tags: ['new'] })).toEqual([]);
  expect(check({ ...flag, jsonSchema: { required: ['b'] } })).toHaveLength(1);
});

const small = fc.constantFrom<Json>(null, true, 0, 1.5, 'a', [], {}, [[1]], { a: { b: 1 } });
const name = fc.constantFrom('a', 'b', 'aa', 'propertyIsEnumerable');
const value: fc.Arbitrary<Json> = fc.oneof(
  small,
  fc.dictionary(
    name,
    fc.oneof(
      fc.integer({ max: 5, min: -5 }),
      fc.constantFrom('', 'a', '😀', null, true),
      fc.array(fc.integer({ min: 0, max: 2 })),
    ),
  ),
  fc.array(fc.oneof(fc.integer({ min: 0, max: 3 }), fc.constant({ a: 1 }), fc.constant('a')), {
    maxLength: 5,
  }),
);
const size = fc.integer({ min: 0, max: 3 });
const { schema } = fc.letrec<{ schema: Json; object: JsonObject }>((tie) => {
  const several = fc.array(tie('schema'), { minLength: 1, maxLength: 3 });
  const named = fc.dictionary(name, tie('schema'), { maxKeys: 3 });
  return {
    schema: fc.oneof({ maxDepth: 2 }, fc.boolean(), tie('object')),
    object: fc.record(
      {
        type: fc.constantFrom('object', 'array', 'string', 'integer', 'number', 'null', ['object', 'array']),
        ...{ enum: fc.array(value, { minLength: 1 }), const: value, required: fc.uniqueArray(name) },
        ...{ minimum: size, exclusiveMaximum: size, multipleOf: fc.constantFrom(1, 2, 0.5) },
        ...{ minLength: size, maxLength: size, pattern: fc.constantFrom('^a', 'a$', '.') },
        ...{
          minItems: size,
          maxItems: size,
          minProperties: size,
          maxProperties: size,
          uniqueItems: fc.boolean(),
        },
        ...{ dependentRequired: fc.dictionary(name, fc.uniqueArray(name)), dependentSchemas: named },
        ...{ allOf: several, anyOf: several, oneOf: several, not: tie('schema') },
        ...Object.fromEntries(['if', 'then', 'else'].map((keyword) => [keyword, tie('schema')])),
        ...{
          prefixItems: several,
          items: tie('schema'),
          contains: tie('schema'),
          maxContains: size,
          minContains: size,
        },
        ...{ properties: named, patternProperties: fc.dictionary(fc.constantFrom('^a', 'b'), tie('schema')) },
        ...{ additionalProperties: tie('schema'), propertyNames: tie('schema') },
        ...{ unevaluatedItems: tie('schema'), unevaluatedProperties: tie('schema') },
      },
      { requiredKeys: [] },
    ) as fc.Arbitrary<JsonObject>,
  };
});

test('what passes is what passes a compiled schema', () => {
  fc.assert(
    fc.property(schema, value, (part, any) => {
      // Dictionaries come without a prototype, which Ajv takes for a difference.
      const [each, whole] = structuredClone([any, { allOf: [part] }] as const);
      const reference = new Ajv2020({ strict: false, validateFormats: false, ownProperties: true });
      expect(problems(whole, each).length === 0).toBe(reference.validate(whole, each));
    }),
    { numRuns: 50 },
  );
});

function nested(depth: number): Json {
  return many(depth, () => 0).reduce<Json>((inner) => [inner], []);
}

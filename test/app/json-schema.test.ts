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

test.each<[JsonObject, Json[], Json[]]>([
  [{ contains: { const: 1 }, maxContains: 1 }, [[1], [1, 2]], [[], [2], [1, 1]]],
  [{ contains: false, minContains: 0 }, [[], [1]], []],
  [{ dependentSchemas: { a: { required: ['b'] } } }, [{}, { a: 1, b: 2 }], [{ a: 1 }]],
  [
    {
      anyOf: [{ properties: { a: { const: 1 } } }, { properties: { b: true } }],
      unevaluatedProperties: false,
    },
    [{ a: 1 }, { b: 1 }, { a: 1, b: 2 }],
    [{ a: 2 }, { c: 1 }],
  ],
  [{ not: { properties: { a: { const: 1 } } }, unevaluatedProperties: false }, [], [{ a: 2 }, {}]],
  [
    { prefixItems: [true], contains: { const: 2 }, unevaluatedItems: { type: 'string' } },
    [
      [1, 2],
      [1, 2, 'a'],
    ],
    [[1], [1, 2, 3]],
  ],
  [{ if: { required: ['a'] }, unevaluatedProperties: { type: 'null' } }, [{ a: null }], [{ a: 1 }]],
])('%j holds for %j and not for %j', (schema, good, bad) => {
  for (const value of good) expect(problems(schema, value)).toEqual([]);
  for (const value of bad) expect(problems(schema, value)).toHaveLength(1);
});

function nested(depth: number): Json {
  return many(depth, () => 0).reduce<Json>((inner) => [inner], []);
}

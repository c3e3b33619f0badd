import { Ajv2020 } from 'ajv/dist/2020.js';
import fc from 'fast-check';
import { expect, it } from 'vitest';
import { SchemaCheck } from '../../src/app/schema-check.ts';
import type { Json, JsonObject } from '../../src/core/model.ts';

const names = fc.constantFrom('a', 'b', 'c');
const small = fc.integer({ min: 0, max: 4 });

const values: fc.Arbitrary<Json> = fc.letrec<{ value: Json }>((tie) => ({
  value: fc.oneof(
    { maxDepth: 2 },
    fc.constantFrom<Json>(null, true, false, 0, 1, 1.5, 2, -3, '', 'a', 'ab', 'é', '😀b'),
    fc.array(tie('value'), { maxLength: 4 }),
    fc.dictionary(names, tie('value'), { maxKeys: 3, noNullPrototype: true }),
  ),
})).value;

const types = fc.constantFrom('null', 'boolean', 'integer', 'number', 'string', 'array', 'object');

/** Not `false`, which the other one takes for `true` inside some keywords. */
const LEAF: fc.Arbitrary<JsonObject | boolean> = fc.constantFrom({ type: 'string' }, { not: {} }, true);

/**
 * A few keywords at a time, nested to this depth; none about what an array contains or what is unevaluated, where the
 * other one errs too.
 */
function schemasOf(depth: number): fc.Arbitrary<JsonObject> {
  const any: fc.Arbitrary<JsonObject | boolean> = depth === 0 ? LEAF : fc.oneof(LEAF, schemasOf(depth - 1));
  const some = fc.array(any, { minLength: 1, maxLength: 2 });
  const keywords: Record<string, fc.Arbitrary<unknown>> = {
    type: fc.oneof(types, fc.uniqueArray(types, { minLength: 1, maxLength: 3 })),
    enum: fc.array(values, { minLength: 1, maxLength: 3 }),
    const: values,
    minimum: small,
    exclusiveMaximum: small,
    multipleOf: fc.constantFrom(1, 2, 0.5),
    minLength: small,
    maxLength: small,
    pattern: fc.constantFrom('^a', 'b$', '[0-9]'),
    minItems: small,
    maxItems: small,
    uniqueItems: fc.boolean(),
    required: fc.uniqueArray(names, { maxLength: 2 }),
    maxProperties: small,
    dependentRequired: fc.dictionary(names, fc.uniqueArray(names, { maxLength: 2 }), {
      maxKeys: 1,
      noNullPrototype: true,
    }),
    properties: fc.dictionary(names, any, { maxKeys: 2, noNullPrototype: true }),
    patternProperties: fc.dictionary(fc.constantFrom('^[ab]', 'c'), any, {
      maxKeys: 1,
      noNullPrototype: true,
    }),
    additionalProperties: any,
    propertyNames: any,
    prefixItems: some,
    items: any,
    allOf: some,
    anyOf: some,
    oneOf: some,
    not: any,
    if: any,
    // biome-ignore lint/suspicious/noThenProperty: a keyword of JSON Schema
    then: any,
    else: any,
  };
  return fc
    .subarray(Object.keys(keywords), { minLength: 1, maxLength: 5 })
    .chain((chosen) =>
      fc.record(Object.fromEntries(chosen.map((name) => [name, keywords[name] ?? any]))),
    ) as fc.Arbitrary<JsonObject>;
}

it('accepts and refuses what the usual validator does', () => {
  const ajv = new Ajv2020({ strict: false, logger: false });
  const seen = { accepted: 0, refused: 0 };
  fc.assert(
    fc.property(schemasOf(2), fc.array(values, { minLength: 1, maxLength: 5 }), (schema, candidates) => {
      const validate = ajv.compile(schema);
      for (const value of candidates) {
        const accepted = new SchemaCheck(schema, 1_000_000).problemIn(value) === undefined;
        seen[accepted ? 'accepted' : 'refused']++;
        expect(accepted).toBe(validate(value));
      }
      ajv.removeSchema();
    }),
    { numRuns: 400, seed: 11 },
  );
  expect(Math.min(seen.accepted, seen.refused)).toBeGreaterThan(100);
});

import { create, type JsonObject } from '@bufbuild/protobuf';
import { expect, test } from 'vitest';
import { ContextSchema } from '../../../gen/vexil/v1/evaluation_pb.ts';
import { DEFAULT_CONTEXT_LIMITS } from '../../../src/app/decisions.ts';
import { contextFrom } from '../../../src/rpc/convert/context.ts';

const read = (attributes: JsonObject) =>
  contextFrom(create(ContextSchema, { targetingKey: 'anna', attributes }), DEFAULT_CONTEXT_LIMITS);

function nested(levels: number): JsonObject {
  let value: JsonObject = {};
  for (let level = 0; level < levels; level++) value = { x: value };
  return value;
}

test.each<[string, JsonObject, string]>([
  ['a number that is none', { age: Number.NaN }, 'context.attributes.age'],
  ['an infinite number', { sizes: [1, { width: -Infinity }] }, 'context.attributes.sizes[1].width'],
])('%s is refused, with its path', (_, attributes, path) => {
  expect(() => read(attributes)).toThrow(
    expect.objectContaining({
      kind: 'invalid',
      details: { violations: [expect.objectContaining({ path })] },
    }),
  );
});

test('attributes may be nested so deep and no deeper', () => {
  expect(read(nested(32)).attributes).toEqual(nested(32));
  expect(() => read(nested(33))).toThrow(/nested deeper/);
});

test('everything that JSON can say is taken as it is', () => {
  const attributes = { a: null, b: [true, 'x', { c: 1.5 }], __proto__: 1, d: '' };
  expect(read(attributes)).toEqual({ targetingKey: 'anna', attributes });
});

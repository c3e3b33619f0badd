import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { diffJson, equalJson } from '../../src/core/diff.ts';
import type { Json } from '../../src/core/model.ts';

const json = fc.jsonValue() as fc.Arbitrary<Json>;

describe('a difference', () => {
  test('is named by its path', () => {
    const rule = (weight: number) => ({ rules: [{ id: 'a', rollout: { weight } }], salt: 'x' });
    expect(diffJson(rule(10), rule(30))).toEqual([
      { path: 'rules[0].rollout.weight', before: 10, after: 30 },
    ]);
  });

  test('lacks the side that does not have the place', () => {
    expect(diffJson({ halt: null }, {})).toEqual([{ path: 'halt', before: null }]);
    expect(diffJson({}, { halt: { by: 'x' } })).toEqual([{ path: 'halt', after: { by: 'x' } }]);
  });

  test('quotes names that a path could not hold', () => {
    expect(diffJson({ attributes: { 'a.b': 1 } }, { attributes: { 'a.b': 2 } })).toEqual([
      { path: 'attributes["a.b"]', before: 1, after: 2 },
    ]);
  });

  test('is the whole value where the shapes differ', () => {
    expect(diffJson([1], { 0: 1 })).toEqual([{ path: '', before: [1], after: { 0: 1 } }]);
    expect(diffJson({ a: null }, { a: {} })).toEqual([{ path: 'a', before: null, after: {} }]);
  });
});

describe('in a list', () => {
  test('an item put in front is one difference', () => {
    expect(diffJson(['b', 'c'], ['a', 'b', 'c'])).toEqual([{ path: '[0]', after: 'a' }]);
  });

  test('an item taken out of the middle is one difference', () => {
    expect(diffJson(['a', 'b', 'c'], ['a', 'c'])).toEqual([{ path: '[1]', before: 'b' }]);
  });

  test('an item repeated is not taken for both ends at once', () => {
    expect(diffJson(['a'], ['a', 'a'])).toEqual([{ path: '[1]', after: 'a' }]);
  });
});

test('members named as what objects inherit are members like any other', () => {
  const before = JSON.parse('{"__proto__": 1}');
  expect(diffJson(before, {})).toEqual([{ path: '__proto__', before: 1 }]);
  expect(diffJson({}, JSON.parse('{"constructor": 1}'))).toEqual([{ path: 'constructor', after: 1 }]);
});

test('there is a difference exactly when the values do not say the same', () => {
  fc.assert(
    fc.property(json, json, (a, b) => {
      expect(diffJson(a, b).length === 0).toBe(equalJson(a, b));
      expect(diffJson(a, a)).toEqual([]);
    }),
  );
});

test('the order of members does not matter', () => {
  expect(equalJson({ a: 1, b: [2] }, { b: [2], a: 1 })).toBe(true);
  expect(equalJson({ a: 1 }, { b: 1 })).toBe(false);
});

import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { canonicalJson, compareCodePoints, MAX_JSON_DEPTH } from '../../src/core/canonical-json.ts';

const codePointOrder = (a: string, b: string) => Buffer.compare(Buffer.from(a), Buffer.from(b));

function nested(depth: number): unknown {
  let value: unknown = 'x';
  for (let level = 0; level < depth; level++) value = level % 2 === 0 ? [value] : { a: value };
  return value;
}

describe('canonicalJson', () => {
  it('writes members in code point order, without spaces', () => {
    const value = { b: 1, a: [true, null, 'x'], '\u{1f600}': 3, '\uffff': 2, '': 0, B: 4, '10': 5, '9': 6 };
    expect(canonicalJson(value)).toBe(
      '{"":0,"10":5,"9":6,"B":4,"a":[true,null,"x"],"b":1,"\uffff":2,"\u{1f600}":3}',
    );
  });

  it('is the same text whatever order the members were made in', () => {
    expect(canonicalJson({ a: 1, b: { c: 2, d: 3 } })).toBe(canonicalJson({ b: { d: 3, c: 2 }, a: 1 }));
  });

  it('leaves out members that are undefined', () => {
    expect(canonicalJson({ a: undefined, b: 1, c: undefined })).toBe('{"b":1}');
  });

  it('reads own members only, whatever they are called', () => {
    const value: unknown = JSON.parse('{"constructor":2,"__proto__":{"x":1},"toJSON":3}');
    expect(canonicalJson(value)).toBe('{"__proto__":{"x":1},"constructor":2,"toJSON":3}');
    expect(canonicalJson(Object.assign(Object.create(null), { a: 1 }))).toBe('{"a":1}');
  });

  it('writes empty strings, arrays and objects inside of arrays', () => {
    expect(canonicalJson(['', [], {}, 0])).toBe('["",[],{},0]');
  });

  it('writes -0 as 0', () => {
    expect(canonicalJson([-0])).toBe('[0]');
  });

  it('escapes lone surrogates, so that its UTF-8 bytes tell them apart', () => {
    expect(canonicalJson('\ud800')).toBe('"\\ud800"');
  });

  it.each([
    ['NaN', Number.NaN],
    ['Infinity', Number.POSITIVE_INFINITY],
    ['undefined', undefined],
    ['undefined in an array', [undefined]],
    ['a hole in an array', new Array(1)],
    ['a bigint', 1n],
    ['a function', () => 1],
    ['a symbol', Symbol('x')],
    ['a Date', new Date(0)],
    ['a Map', new Map()],
  ])('refuses %s', (_name, value) => {
    expect(() => canonicalJson({ a: value === undefined ? [value] : value })).toThrow(/JSON cannot hold/);
  });

  it('refuses undefined itself', () => {
    expect(() => canonicalJson(undefined)).toThrow(/JSON cannot hold/);
  });

  it('takes nesting to its limit and refuses more, cycles included', () => {
    expect(JSON.parse(canonicalJson(nested(MAX_JSON_DEPTH)))).toEqual(nested(MAX_JSON_DEPTH));
    expect(() => canonicalJson(nested(MAX_JSON_DEPTH + 1))).toThrow(/deeper/);
    const cycle: unknown[] = [];
    cycle.push(cycle);
    expect(() => canonicalJson(cycle)).toThrow(/deeper/);
  });

  it('writes any JSON value so that parsing gives it back and writing again gives the same text', () => {
    fc.assert(
      fc.property(fc.jsonValue({ noUnicodeString: false }), (value) => {
        const text = canonicalJson(value);
        expect(canonicalJson(JSON.parse(text))).toBe(text);
        expect(JSON.parse(text)).toEqual(JSON.parse(JSON.stringify(value)));
      }),
    );
  });
});

describe('compareCodePoints', () => {
  it('orders strings as their UTF-8 bytes are ordered', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary' }), fc.string({ unit: 'binary' }), (a, b) => {
        expect(Math.sign(compareCodePoints(a, b))).toBe(codePointOrder(a, b));
      }),
    );
    expect(compareCodePoints('\uffff', '\u{10000}')).toBeLessThan(0);
    expect(compareCodePoints('\ud7ff', '\ue000')).toBeLessThan(0);
    expect(compareCodePoints('a', 'ab')).toBeLessThan(0);
  });
});

import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { checkJson } from '../../src/rpc/json-guard.ts';

const check = (text: string, maxDepth?: number) => checkJson(Buffer.from(text), maxDepth);

describe('checkJson', () => {
  it('accepts whatever JSON.stringify writes', () => {
    fc.assert(fc.property(fc.jsonValue({ maxDepth: 20 }), (value) => check(JSON.stringify(value))));
  });

  it.each([
    ['plainly', '{"a":1,"a":2}'],
    ['with an escape', '{"a":1,"\\u0061":2}'],
    ['with escapes on both sides', '{"\\/":1,"/":2}'],
    ['far apart, with an object between', '{"a":1,"b":{"a":[{"a":2}]},"a":3}'],
    ['inside an array', '[0,{"x":1,"x":1}]'],
    ['in another order of bytes', '{"é":1,"\\u00e9":2}'],
    ['with a surrogate pair', '{"\\ud83d\\ude00":1,"😀":2}'],
    ['named like a member of every object', '{"__proto__":1,"__proto__":2}'],
    ['when it is empty', '{"":1,"":2}'],
  ])('refuses a key given twice %s', (_how, text) => {
    expect(() => check(text)).toThrow(expect.objectContaining({ details: { reason: 'JSON_DUPLICATE_KEY' } }));
  });

  it.each([
    '{"a":{"a":{"a":1}}}',
    '[{"a":1},{"a":1}]',
    '{"a":"a","b":"a"}',
    '{"a":"\\"a\\":1,","b":["a","a"]}',
    '{"__proto__":1,"constructor":2,"toString":3}',
    '{"\\\\":1,"\\"":2}',
  ])('accepts %s', (text) => {
    check(text);
  });

  it('finds duplicates wherever they are put', () => {
    const keys = fc.uniqueArray(fc.string({ unit: 'binary' }), { minLength: 1, maxLength: 8 });
    fc.assert(
      fc.property(keys, fc.nat(), fc.jsonValue(), (names, at, value) => {
        const members = names.map((name) => `${JSON.stringify(name)}:${JSON.stringify(value)}`);
        check(`{${members.join(',')}}`);
        const again = members[at % members.length];
        expect(() => check(`{${[...members, again].join(' , ')}}`)).toThrow('same key twice');
      }),
    );
  });

  it('counts depth exactly, and brackets in strings not at all', () => {
    check(`${'['.repeat(5)}${']'.repeat(5)}`, 5);
    check(`[[["[[[[[["]]]`, 3);
    expect(() => check('[{"a":[{"a":[{}]}]}]', 5)).toThrow('nests deeper than 5');
    check('[[],[],[],[],{},{}]', 2);
  });

  it.each(['"\\ud800"', '"\\udc00"', '"\\ud800\\ud800"', '"\\udc00\\ud800"', '"\\ud800x"', '{"\\ud83d":1}'])(
    'refuses the half of a surrogate pair in %s',
    (text) => {
      expect(() => check(text)).toThrow(expect.objectContaining({ details: { reason: 'JSON_NOT_UNICODE' } }));
    },
  );

  it('refuses bytes that are not UTF-8, and strings that do not end', () => {
    expect(() => checkJson(Buffer.from([0x22, 0xff, 0x22]))).toThrow('not UTF-8');
    for (const text of ['"', '"\\', '{"a', '"\\u12', '"\\u00zz"'])
      expect(() => check(text)).toThrow('not JSON');
  });

  it('counts the keys of one object', () => {
    const object = (count: number) => `{${Array.from({ length: count }, (_, i) => `"${i}":0`).join(',')}}`;
    check(object(10_000));
    expect(() => check(object(10_001))).toThrow(expect.objectContaining({ kind: 'exhausted' }));
  });

  it('throws nothing but its own errors, whatever the bytes', () => {
    fc.assert(
      fc.property(fc.stringMatching(/^[[\]{}",:\\u0-9a\ud800 ]{0,40}$/), (text) => {
        try {
          check(text);
        } catch (error) {
          expect(error).toMatchObject({ kind: 'invalid' });
        }
      }),
    );
  });

  it.each([
    ['many keys', `{${Array.from({ length: 70_000 }, (_, i) => `"${i}":{}`).join(',')}}`, 'keys'],
    ['one long string of escapes', `"${'\\u0061'.repeat(170_000)}"`, undefined],
    ['nothing but openings', '['.repeat(1_000_000), 'nests deeper'],
    ['nothing but commas', ','.repeat(1_000_000), undefined],
  ])('comes to an end on a megabyte of %s', (_what, text, problem) => {
    if (problem === undefined) expect(() => check(text)).not.toThrow();
    else expect(() => check(text)).toThrow(problem);
  });
});

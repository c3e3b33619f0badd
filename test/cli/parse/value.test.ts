import { describe, expect, it } from 'vitest';
import { parseLoose, parsePair, parseTyped } from '../../../src/cli/parse/value.ts';

describe('a loose value', () => {
  it.each([
    ['42', 42],
    ['true', true],
    ['"42"', '42'],
    ['pro', 'pro'],
    ['["a","b"]', ['a', 'b']],
    ['', ''],
    ['007', '007'],
    ['null', 'null'],
    ['{broken', '{broken'],
  ])('%s is what JSON makes of it, or else text', (text, value) => {
    expect(parseLoose(text)).toEqual(value);
  });

  it('keeps awkward attribute names as data', () => {
    const value = parseLoose('{"__proto__": {"a": 1}}');
    expect(Object.keys(Object(value))).toEqual(['__proto__']);
  });
});

describe('a typed value', () => {
  it('takes text for a string flag with or without quotes', () => {
    expect(parseTyped('string', '"#00f"')).toBe('#00f');
    expect(parseTyped('string', '#00f')).toBe('#00f');
    expect(parseTyped('string', '42')).toBe('42');
  });

  it('takes objects and lists for a json flag', () => {
    expect(parseTyped('json', '{"a":[1]}')).toEqual({ a: [1] });
    expect(() => parseTyped('json', '5')).toThrow('neither a JSON object nor a JSON list');
    expect(() => parseTyped('json', 'null')).toThrow('neither a JSON object nor a JSON list');
  });

  it('refuses what is not of the type', () => {
    expect(() => parseTyped('boolean', 'yes')).toThrow('neither true nor false');
    expect(() => parseTyped('number', 'true')).toThrow('not a number');
  });
});

describe('a pair', () => {
  it('is split at the first equals sign', () => {
    expect(parsePair('a=b=c', '')).toEqual(['a', 'b=c']);
  });

  it('needs a name', () => {
    expect(() => parsePair('=b', 'give name=value')).toThrow('"=b": give name=value');
  });
});

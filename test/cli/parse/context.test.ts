import { describe, expect, it } from 'vitest';
import { parseContext } from '../../../src/cli/parse/context.ts';

describe('a context', () => {
  it('is made of a key and typed attributes', () => {
    const context = parseContext({ key: 'user-1', attr: ['plan=pro', 'age=42', 'zip="0815"'] }, undefined);
    expect(context.targetingKey).toBe('user-1');
    expect(context.attributes).toEqual({ plan: 'pro', age: 42, zip: '0815' });
  });

  it('is read from a file with attributes beside the key or below it', () => {
    expect(parseContext({}, { targetingKey: 'a', plan: 'pro' }).attributes).toEqual({ plan: 'pro' });
    const nested = parseContext({}, { targeting_key: 'a', attributes: { plan: 'pro' } });
    expect(nested).toMatchObject({ targetingKey: 'a', attributes: { plan: 'pro' } });
  });

  it('prefers options to the file', () => {
    const context = parseContext(
      { key: 'b', attr: ['plan=team'] },
      { targetingKey: 'a', plan: 'pro', age: 1 },
    );
    expect(context).toMatchObject({ targetingKey: 'b', attributes: { plan: 'team', age: 1 } });
  });

  it('takes __proto__ for a plain attribute name', () => {
    const { attributes = {} } = parseContext({ attr: ['__proto__=x'] }, undefined);
    expect(Object.entries(attributes)).toEqual([['__proto__', 'x']]);
  });

  it('is refused if it is no object', () => {
    expect(() => parseContext({}, ['a'])).toThrow('a context is an object');
  });
});

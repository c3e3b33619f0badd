import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { EXPOSURE_MUTANTS } from './exposure-mutants.ts';
import { MUTANTS } from './mutants.ts';
import { fileUrl, mutated } from './plant.ts';

const ALL = Object.entries({ ...MUTANTS, ...EXPOSURE_MUTANTS }).flatMap(([name, { mutations }]) =>
  mutations.map((mutation) => ({ name, mutation, file: mutation.file })),
);

describe('a mutant', () => {
  it.each(ALL)('$name has its place in $file', ({ mutation }) => {
    const text = readFileSync(fileUrl(mutation), 'utf8');
    expect(mutated(text, mutation)).not.toBe(text);
  });

  it('needs a place that is there exactly once, whatever the white space', () => {
    const mutation = { file: 'a.ts', find: 'b (c);', replace: '$& d' };
    expect(mutated('a b\n  (c); e', mutation)).toBe('a $& d e');
    expect(() => mutated('a', mutation)).toThrow('0 are like this');
    expect(() => mutated('b (c); b (c);', mutation)).toThrow('2 are like this');
  });
});

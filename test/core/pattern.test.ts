import fc from 'fast-check';
import { RE2JS } from 're2js';
import { describe, expect, it } from 'vitest';
import { compilePattern } from '../../src/core/pattern.ts';

const PIECES = ['a', 'b', '@', ' ', '-', '\\.', '\\$', '\\\\', '.', '\n', '\\d', '\\/', '\\-', '_', '"'];
const TEXTS = ['a', 'b', '@', ' ', '-', '.', '$', '\\', '\n', '1', '/', '_', '"', 'é', '😀'];

describe('a pattern', () => {
  it('matches what RE2 matches, literal or not', () => {
    const pattern = fc
      .tuple(
        fc.constantFrom('', '^'),
        fc.array(fc.constantFrom(...PIECES), { maxLength: 3 }),
        fc.constantFrom('', '$'),
      )
      .map(([start, body, end]) => `${start}${body.join('')}${end}`);
    const text = fc.array(fc.constantFrom(...TEXTS), { maxLength: 5 }).map((parts) => parts.join(''));
    fc.assert(
      fc.property(pattern, text, (one, other) => {
        expect(compilePattern(one)(other)).toBe(RE2JS.compile(one).matcher(other).find());
      }),
      { numRuns: 5000, seed: 7 },
    );
  });

  it.each(['(', '(?=a)', '(?<!a)b', '(a)\\1', 'a{1001}', '\\8', '[z-a]'])(
    'that RE2 refuses is refused: %s',
    (one) => {
      expect(() => compilePattern(one)).toThrow();
    },
  );

  it('takes linear time', () => {
    const matches = compilePattern('^(([a-z])+.)+[A-Z]([a-z])+$');
    const start = performance.now();
    expect(matches('a'.repeat(20_000))).toBe(false);
    expect(performance.now() - start).toBeLessThan(5_000);
  });
});

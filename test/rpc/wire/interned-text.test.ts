import { expect, test } from 'vitest';
import { internedText } from '../../../src/rpc/wire/interned-text.ts';

function interned(text: string): string | undefined {
  const bytes = Buffer.from(`<<${text}>>`);
  return internedText(bytes, 2, bytes.length - 2);
}

test.each(['a', 'plan', '__proto__', 'constructor', '0', 'a\0b', 'x'.repeat(24)])('%j is itself', (text) => {
  expect(interned(text)).toBe(text);
  expect(interned(text)).toBe(text);
});

test.each(['', 'é', 'pläne', '\u{1f600}', 'x'.repeat(25)])('%j is left to others', (text) => {
  expect(interned(text)).toBeUndefined();
});

test('texts that fall into the same slot are never mixed up', () => {
  // Only their second and third letters differ, which the slot does not depend on.
  const alike = Array.from({ length: 500 }, (_, index) => `a${String(index).padStart(3, '0')}xmiddleend`);
  for (let round = 0; round < 3; round++) for (const text of alike) expect(interned(text)).toBe(text);
  const many = Array.from({ length: 20_000 }, (_, index) => `key-${index}`);
  for (const text of many) expect(interned(text)).toBe(text);
});

test('nor is a text with its own beginning', () => {
  const letters = 'abcdefghijklmnopqrstuvwx';
  for (let seed = 0; seed < 40_000; seed++) {
    const long = Array.from(letters, (_, index) => letters[(seed * (index + 7) + (seed >> index)) % 24]).join(
      '',
    );
    const short = long.slice(0, 1 + (seed % 23));
    expect([interned(long), interned(short)]).toEqual([long, short]);
  }
});

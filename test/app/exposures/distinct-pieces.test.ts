import fc from 'fast-check';
import { expect, test } from 'vitest';
import { DistinctPieces } from '../../../src/app/exposures/distinct-pieces.ts';

const texts = fc.array(
  fc.oneof(
    fc.constantFrom('', 'ann', 'bob', '"', 'a\\b', 'a"', 'größer', '\u0000', 'x'.repeat(4_096)),
    fc.integer({ min: 0, max: 500 }).map((number) => `user-${number}`),
    fc.string({ unit: 'binary', maxLength: 8 }),
  ),
  { maxLength: 400 },
);

/** All items of the list. */
function itemsOf({ json }: DistinctPieces): unknown[] {
  const items = json.bytes.toString('utf8', 0, Math.max(0, json.length - 1));
  return JSON.parse(`[${items}]`);
}

test('texts are there once, as they are, numbered in the order in which they came', () => {
  const pieces = new DistinctPieces();
  fc.assert(
    fc.property(texts, (all) => {
      pieces.clear();
      const known = [...new Set(all)];
      expect(all.map((text) => pieces.text(text))).toEqual(all.map((text) => known.indexOf(text)));
      expect(itemsOf(pieces)).toEqual(known);
      expect(pieces.count).toBe(known.length);
    }),
  );
});

test('what is written and taken is the same item as an equal text', () => {
  const pieces = new DistinctPieces();
  const written = ['"b"', '[0,"b"]', '[0,""]', '"b"', '[0,"b"]'].map((item) => {
    pieces.json.raw(item);
    return pieces.take();
  });
  expect(written).toEqual([0, 1, 2, 0, 1]);
  expect([pieces.text('b'), pieces.text('c')]).toEqual([0, 3]);
  expect(itemsOf(pieces)).toEqual(['b', [0, 'b'], [0, ''], 'c']);
});

test('thousands of them are told apart', () => {
  const pieces = new DistinctPieces();
  for (let round = 0; round < 2; round++)
    for (let user = 0; user < 10_000; user++) expect(pieces.text(`user ${user}`)).toBe(user);
});

import fc from 'fast-check';
import { expect, test } from 'vitest';
import { ROW_BYTES, type Row, rowsIn, rowsText, writeRow } from '../../src/ports/row-text.ts';

const signed = fc.integer({ min: -(2 ** 30), max: 2 ** 30 });
const index = fc.nat(2 ** 31 - 1);
const rows = fc.array(fc.tuple(signed, index, index, signed), { maxLength: 50 });

function textOf(all: readonly Row[]): string {
  const bytes = new Uint8Array(all.length * ROW_BYTES);
  return rowsText(
    bytes.subarray(
      0,
      all.reduce((at, row) => writeRow(bytes, at, ...row), 0),
    ),
  );
}

test('rows come back as they were written', () => {
  fc.assert(
    fc.property(rows, (all) => {
      expect(rowsIn(textOf(all), all.length)).toEqual(all);
    }),
  );
});

test('more rows than are allowed are invalid', () => {
  const text = textOf([
    [0, 1, 2, 3],
    [4, 5, 6, 7],
  ]);
  expect(rowsIn(text, 2)).toHaveLength(2);
  expect(() => rowsIn(text, 1)).toThrow(expect.objectContaining({ kind: 'invalid' }));
});

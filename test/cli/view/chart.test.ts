import { expect, it } from 'vitest';
import { bar, condensed, shareText, shortNumber, sparkline } from '../../../src/cli/view/chart.ts';

it('draws each value as high as it is of the most, and nothing only for nothing', () => {
  expect(sparkline([0, 1, 2, 3, 4, 5, 6, 7, 8], 8)).toBe(' ▁▂▃▄▅▆▇█');
  expect(sparkline([1, 1_000_000], 1_000_000)).toBe('▁█');
  expect(sparkline([0, 0], 0)).toBe('  ');
});

it('fills a bar to its share, in eighths of a character', () => {
  expect(bar(0.5, 4)).toBe('██  ');
  expect(bar(0.5625, 4)).toBe('██▎ ');
  expect(bar(1, 4)).toBe('████');
  expect(bar(2, 4)).toBe('████');
  expect(bar(0, 4)).toBe('    ');
  expect(bar(0.0001, 4)).toBe('▏   ');
  expect(bar(Number.NaN, 4)).toBe('    ');
});

it('sums up neighbours until they fit', () => {
  expect(condensed([1, 2, 3], 3)).toEqual({ values: [1, 2, 3], each: 1 });
  expect(condensed([1, 2, 3, 4, 5], 2)).toEqual({ values: [6, 9], each: 3 });
  expect(condensed([], 2)).toEqual({ values: [], each: 1 });
});

it('writes numbers and shares shortly', () => {
  expect([0, 9_999, 12_345, 999_600, 4_560_000, 2.5, 1e12].map(shortNumber)).toEqual([
    ...['0', '9999', '12.3k', '1.00M', '4.56M', '2.50', '1.00T'],
  ]);
  expect([0, 0.421, 1, 0.005, 0.000_012, 0.000_000_1].map(shareText)).toEqual([
    ...['0.0%', '42.1%', '100.0%', '0.50%', '0.0012%', '<0.001%'],
  ]);
});

import { describe, expect, test } from 'vitest';
import { intervalOf, rateOf, standardErrorsAbove, Z_95_TWO_SIDED } from '../../src/core/proportion.ts';

/** A quantile of the standard normal distribution. */
const Z_99_ONE_SIDED = 2.326348;

describe("Wilson's interval", () => {
  // R: prop.test(hits, total, correct = FALSE)$conf.int
  test.each([
    [10, 100, 0.05522914, 0.1743657],
    [0, 20, 0, 0.1611252],
    [81, 263, 0.2553, 0.3662],
  ])('is what R says for %d of %d', (hits, total, low, high) => {
    const interval = intervalOf({ hits, total }, Z_95_TWO_SIDED);
    expect(interval.low).toBeCloseTo(low, 4);
    expect(interval.high).toBeCloseTo(high, 4);
  });

  test('is everything when nobody was asked', () => {
    expect(intervalOf({ hits: 0, total: 0 }, Z_95_TWO_SIDED)).toEqual({ low: 0, high: 1 });
    expect(rateOf({ hits: 0, total: 0 })).toBe(0);
  });
});

describe('the distance of two rates', () => {
  test('is none between equal ones', () => {
    expect(standardErrorsAbove({ hits: 30, total: 1_000 }, { hits: 30, total: 1_000 }, 1)).toBe(0);
  });

  test('turns its sign when the samples change places', () => {
    const [a, b] = [
      { hits: 40, total: 200 },
      { hits: 10, total: 300 },
    ];
    expect(standardErrorsAbove(a, b, 1)).toBeGreaterThan(Z_99_ONE_SIDED);
    expect(standardErrorsAbove(b, a, 1)).toBeLessThan(-Z_99_ONE_SIDED);
  });

  test('of two samples without a hit is no evidence, however small they are', () => {
    expect(Math.abs(standardErrorsAbove({ hits: 0, total: 10 }, { hits: 0, total: 10_000 }, 1))).toBeLessThan(
      Z_99_ONE_SIDED,
    );
  });
});

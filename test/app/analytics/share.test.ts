import { describe, expect, it } from 'vitest';
import { meanEstimate, rateEstimate, shareOf } from '../../../src/app/analytics/share.ts';

const rounded = ({ value, low, high }: { value: number; low: number; high: number }) =>
  [value, low, high].map((each) => Number(each.toFixed(4)));

describe('a share of a sample', () => {
  it("has Wilson's interval if the sample is next to nothing of all", () => {
    // 30 of 100: (0.3 + 1.9208/100 ± 1.96·√(0.21/100 + 0.9604/10000)) / (1 + 3.8415/100)
    expect(rounded(shareOf(30, 100, { sampled: 100, known: 1e12 }))).toEqual([0.3, 0.2189, 0.3958]);
  });

  it('is exact if everybody was asked', () => {
    expect(shareOf(30, 100, { sampled: 100, known: 100 })).toEqual({ value: 0.3, low: 0.3, high: 0.3 });
  });

  it('has the interval of four times the sample if three quarters of all were asked', () => {
    const whole = shareOf(120, 400, { sampled: 400, known: 1e12 });
    expect(rounded(shareOf(30, 100, { sampled: 750, known: 1000 }))).toEqual(rounded(whole));
  });

  it('of nobody may be anything, unless nobody is all there are', () => {
    expect(shareOf(0, 0, { sampled: 10, known: 20 })).toEqual({ value: 0, low: 0, high: 1 });
    expect(shareOf(0, 0, { sampled: 0, known: 0 })).toEqual({ value: 0, low: 0, high: 0 });
  });
});

describe('a rate', () => {
  it('of nothing among many is not taken for certain', () => {
    // 0 of 100: z² / (n + z²)
    expect(rounded(rateEstimate(0, 100) ?? { value: 1, low: 1, high: 1 })).toEqual([0, 0, 0.037]);
  });

  it('of nobody is none', () => {
    expect(rateEstimate(0, 0)).toBeUndefined();
  });
});

describe('a mean', () => {
  it('has the interval of the normal approximation', () => {
    // 1, 2, 3, 4: mean 2.5, variance 5/3, standard error √(5/12) = 0.6455
    expect(rounded(meanEstimate(4, 10, 30) ?? { value: 0, low: 0, high: 0 })).toEqual([2.5, 1.2348, 3.7652]);
  });

  it('of one is none', () => {
    expect(meanEstimate(1, 5, 25)).toBeUndefined();
  });
});

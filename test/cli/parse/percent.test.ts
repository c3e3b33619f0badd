import { describe, expect, it } from 'vitest';
import { formatPercent, parsePercent } from '../../../src/cli/parse/percent.ts';
import { UsageError } from '../../../src/cli/usage-error.ts';

describe('a percentage', () => {
  it.each([
    ['30', 30_000],
    ['12.5%', 12_500],
    ['12.5 %', 12_500],
    ['0.001', 1],
    ['33.333', 33_333],
    ['0', 0],
    ['100', 100_000],
    ['100.000%', 100_000],
    ['0.07', 70],
  ])('%s is the weight %d exactly', (text, weight) => {
    expect(parsePercent(text)).toBe(weight);
  });

  it.each(['0.0001', '12.5000'])('%s has too many decimals', (text) => {
    expect(() => parsePercent(text)).toThrow('more than three decimals');
  });

  it.each(['101', '100.001'])('%s is more than everybody', (text) => {
    expect(() => parsePercent(text)).toThrow('more than 100%');
  });

  it.each(['', '-1', '1e2', 'half', '1,5', '.5', '5.'])('"%s" is a mistake in usage', (text) => {
    expect(() => parsePercent(text)).toThrow(UsageError);
  });

  it.each([
    [12_500, '12.5%'],
    [1, '0.001%'],
    [100_000, '100%'],
    [33_333, '33.333%'],
  ])('the weight %d reads %s', (weight, text) => {
    expect(formatPercent(weight)).toBe(text);
    expect(parsePercent(text)).toBe(weight);
  });
});

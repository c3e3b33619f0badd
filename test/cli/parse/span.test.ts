import { expect, it } from 'vitest';
import { parseSpan, spanMs } from '../../../src/cli/parse/span.ts';

it('reads spans of every unit that times are given in', () => {
  expect(['90s', '10m', '2h', ' 7d ', '1w'].map(parseSpan)).toEqual([90, 600, 7_200, 604_800, 604_800]);
  expect(['90s', '1w', '90', '1y', ''].map(spanMs)).toEqual([
    90_000,
    604_800_000,
    undefined,
    undefined,
    undefined,
  ]);
});

it('refuses what is no span', () => {
  for (const text of ['', '5', 'm', '-5m', '1.5h', '5 m', '1234567s', '5M'])
    expect(() => parseSpan(text)).toThrow('is not a span of time');
});

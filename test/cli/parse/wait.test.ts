import { expect, test } from 'vitest';
import { parseWait } from '../../../src/cli/parse/wait.ts';

test('a time to wait is in seconds or milliseconds', () => {
  expect(['10s', '500ms', '0', '0s', '20s', '20000ms'].map(parseWait)).toEqual([
    10_000, 500, 0, 0, 20_000, 20_000,
  ]);
});

test.each(['', '10', '1m', '-1s', '1.5s', 's', '99999999s', '21s', '20001ms'])('%j is refused', (text) => {
  expect(() => parseWait(text)).toThrow(/wait/);
});

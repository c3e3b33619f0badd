import { describe, expect, it } from 'vitest';
import { parseTime } from '../../../src/cli/parse/time.ts';

const now = new Date('2026-11-20T12:00:00Z');

describe('a time', () => {
  it.each([
    ['2026-12-01', '2026-12-01T00:00:00.000Z'],
    ['2026-12-01T09:00:00Z', '2026-12-01T09:00:00.000Z'],
    ['2026-12-01T09:00+02:00', '2026-12-01T07:00:00.000Z'],
    ['2026-12-01 09:00z', '2026-12-01T09:00:00.000Z'],
    ['now', '2026-11-20T12:00:00.000Z'],
    ['+2h', '2026-11-20T14:00:00.000Z'],
    ['-30m', '2026-11-20T11:30:00.000Z'],
    ['3d ago', '2026-11-17T12:00:00.000Z'],
    ['1w', '2026-11-27T12:00:00.000Z'],
  ])('%s is %s', (text, expected) => {
    expect(parseTime(text, now, 'future').toISOString()).toBe(expected);
  });

  it('goes back by a distance without a sign where the past is meant', () => {
    expect(parseTime('2h', now, 'past').toISOString()).toBe('2026-11-20T10:00:00.000Z');
  });

  it.each(['tomorrow', '2026-12-01T09:00:00', '2026-13-01', '12', '999999999999w'])(
    'refuses %s, which could mean anything',
    (text) => {
      expect(() => parseTime(text, now, 'future')).toThrow('is not a time');
    },
  );
});

import { describe, expect, test } from 'vitest';
import { Losses } from '../../../src/app/exposures/losses.ts';

describe('losses', () => {
  test('are told once, and again if what told of them is lost', () => {
    const losses = new Losses();
    losses.add('sampled', 3);
    losses.add('sampled', 2);
    losses.add('too_large', 4, 7);
    const told = losses.take();
    expect(told).toEqual([
      { reason: 'sampled', units: 5 },
      { reason: 'too_large', units: 4, sequence: 7 },
    ]);
    expect([losses.isTold, losses.take()]).toEqual([true, []]);
    losses.tellAgain(told);
    losses.add('sampled', 1);
    expect(losses.take()).toEqual([
      { reason: 'sampled', units: 6 },
      { reason: 'too_large', units: 4, sequence: 7 },
    ]);
    expect(losses.units).toBe(10);
  });

  test('take no more room, and lose no unit, however many batches can never be taken', () => {
    const losses = new Losses();
    for (let sequence = 1; sequence <= 5_000; sequence++) {
      losses.add('too_large', 2, sequence);
      if (sequence % 10 === 0) losses.tellAgain(losses.take());
    }
    const told = losses.take();
    expect(told.length).toBeLessThanOrEqual(101);
    expect(told.reduce((sum, { units }) => sum + units, 0)).toBe(10_000);
  });
});

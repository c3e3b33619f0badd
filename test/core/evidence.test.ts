import { describe, expect, test } from 'vitest';
import { CERTAIN, certainStandardErrors, evidenceAbove, evidenceBelow } from '../../src/core/evidence.ts';

describe('the evidence that a rate is above a limit', () => {
  test('is what it is expected to be at the limit: one, whatever the sample', () => {
    for (const [total, limit] of [
      [1, 0.5],
      [7, 0.02],
      [40, 0.3],
    ] as const) {
      let expected = 0;
      for (let hits = 0; hits <= total; hits++)
        expected += probability(hits, total, limit) * evidenceAbove({ hits, total }, limit);
      expect(expected).toBeCloseTo(1, 9);
    }
  });

  test('is less than one in the mean of what is better', () => {
    let expected = 0;
    for (let hits = 0; hits <= 40; hits++)
      expected += probability(hits, 40, 0.1) * evidenceAbove({ hits, total: 40 }, 0.3);
    expect(expected).toBeLessThan(1);
  });

  test('grows with each hit, and shrinks with each miss', () => {
    const some = evidenceAbove({ hits: 5, total: 100 }, 0.02);
    expect(evidenceAbove({ hits: 6, total: 100 }, 0.02)).toBeGreaterThan(some);
    expect(evidenceAbove({ hits: 5, total: 101 }, 0.02)).toBeLessThan(some);
  });

  test('is as good as none in what is fine, and beyond doubt in what nobody would call chance', () => {
    expect(evidenceAbove({ hits: 0, total: 0 }, 0.02)).toBe(1);
    expect(evidenceAbove({ hits: 2, total: 100 }, 0.02)).toBeLessThan(2);
    expect(evidenceAbove({ hits: 40, total: 200 }, 0.02)).toBeGreaterThan(CERTAIN);
    expect(evidenceAbove({ hits: 1_000_000, total: 1_000_000 }, 0.02)).toBe(Number.POSITIVE_INFINITY);
  });

  test('knows limits of nothing and of everything', () => {
    expect(evidenceAbove({ hits: 0, total: 1_000 }, 0)).toBe(1);
    expect(evidenceAbove({ hits: 1, total: 1_000 }, 0)).toBe(Number.POSITIVE_INFINITY);
    expect(evidenceAbove({ hits: 1_000, total: 1_000 }, 1)).toBeCloseTo(1);
    expect(evidenceBelow({ hits: 0, total: 1_000 }, 0)).toBeCloseTo(1);
  });

  test('is the same for what is missing', () => {
    const above = evidenceAbove({ hits: 30, total: 100 }, 0.2);
    expect(evidenceBelow({ hits: 70, total: 100 }, 0.8)).toBeCloseTo(above, 9);
  });
});

describe('the standard errors that are certainty', () => {
  test('are some more for samples that have grown, as they were looked at more often', () => {
    expect(certainStandardErrors(100, 100)).toBeCloseTo(3.353, 3);
    expect(certainStandardErrors(3_000, 100)).toBeCloseTo(3.685, 3);
  });
});

function probability(hits: number, total: number, rate: number): number {
  let ways = 1;
  for (let hit = 1; hit <= hits; hit++) ways *= (total - hits + hit) / hit;
  return ways * rate ** hits * (1 - rate) ** (total - hits);
}

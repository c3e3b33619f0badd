import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { bucketOf, salted } from '../../../src/core/buckets.ts';
import { Evaluation } from '../../../src/core/evaluation.ts';
import type { HashAlgorithm, Ramp, Rule } from '../../../src/core/model.ts';
import { snapshotOf } from '../../vectors/load.ts';

const HASHES: readonly HashAlgorithm[] = ['murmur3', 'sha256', 'fnv1a'];
const RUNS = { numRuns: 200, seed: 20_260_301 };

const THREE = ['a', 'b', 'c'].map((key) => ({ key, value: key }));
const SPLIT = {
  kind: 'split',
  variations: [
    { variation: 'a', weight: 20_000 },
    { variation: 'b', weight: 30_000 },
    { variation: 'c', weight: 50_000 },
  ],
} as const;

function variationAt(
  hash: HashAlgorithm,
  rule: Partial<Rule>,
  targetingKey: string,
  nowMs = 0,
): string | undefined {
  const flag = { key: 'f', type: 'string', variations: THREE, defaultVariation: 'a' } as const;
  const settings = { hash, rules: [{ serve: SPLIT, ...rule }] };
  const snapshot = snapshotOf({ flags: [{ ...flag, settings }] });
  const { reason, variation } = new Evaluation(snapshot, { targetingKey, attributes: {} }, nowMs).flag('f');
  return reason === 'SPLIT' ? variation : undefined;
}

describe.each(HASHES)('a rollout by %s', (hash) => {
  it('that grows removes nobody and changes nobody’s variation', () => {
    fc.assert(
      fc.property(
        fc.string({ minLength: 1 }),
        fc.integer({ min: 0, max: 100_000 }),
        fc.integer({ min: 0, max: 100_000 }),
        (key, one, other) => {
          const [small, large] = [Math.min(one, other), Math.max(one, other)];
          const before = variationAt(hash, { rollout: { weight: small } }, key);
          if (before !== undefined)
            expect(variationAt(hash, { rollout: { weight: large } }, key)).toBe(before);
        },
      ),
      RUNS,
    );
  });

  it('that rises with the clock removes nobody and changes nobody’s variation', () => {
    const ramp: Ramp = {
      kind: 'linear',
      startsAt: '1970-01-01T00:00:00.000Z',
      endsAt: '1970-01-01T00:10:00.000Z',
      fromWeight: 0,
      toWeight: 100_000,
    };
    fc.assert(
      fc.property(fc.string({ minLength: 1 }), fc.nat(700_000), fc.nat(700_000), (key, one, other) => {
        const before = variationAt(hash, { ramp }, key, Math.min(one, other));
        if (before !== undefined) expect(variationAt(hash, { ramp }, key, Math.max(one, other))).toBe(before);
      }),
      RUNS,
    );
  });

  it('spreads similar keys evenly', () => {
    const cells = new Array<number>(1000).fill(0);
    const hashed = salted(hash, 'flag:rule');
    const count = 200_000;
    for (let index = 0; index < count; index++) {
      const cell = Math.floor(bucketOf(hashed, `user-${index}`) / 100);
      cells[cell] = (cells[cell] ?? 0) + 1;
    }
    // 999 is expected, with a standard deviation of 45.
    expect(chiSquare(cells, count / cells.length)).toBeLessThan(1200);
    expect(chiSquare(cells, count / cells.length)).toBeGreaterThan(800);
  });

  it('and its split do not depend on each other', () => {
    const gate = salted(hash, 'flag:rule');
    const split = salted(hash, 'flag');
    const cells = new Array<number>(100).fill(0);
    const count = 100_000;
    for (let index = 0; index < count; index++) {
      const key = `user-${index}`;
      const cell = Math.floor(bucketOf(gate, key) / 10_000) * 10 + Math.floor(bucketOf(split, key) / 10_000);
      cells[cell] = (cells[cell] ?? 0) + 1;
    }
    // 99 is expected, with a standard deviation of 14.
    expect(chiSquare(cells, count / cells.length)).toBeLessThan(170);
  });
});

function chiSquare(cells: readonly number[], expected: number): number {
  return cells.reduce((sum, count) => sum + (count - expected) ** 2 / expected, 0);
}

import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { bucketOf, packedBucketOf, salted } from '../../src/core/buckets.ts';
import { fnv1a } from '../../src/core/fnv1a.ts';
import type { HashAlgorithm } from '../../src/core/model.ts';
import { absorb, murmur3 } from '../../src/core/murmur3.ts';
import { packText } from '../../src/core/packed-text.ts';
import { loadVectors } from '../vectors/load.ts';

interface BucketVector {
  readonly hash: HashAlgorithm;
  readonly salt: string;
  readonly value: string;
  readonly bucket: number;
}

interface FractionalVector {
  readonly salt: string;
  readonly key: string;
  readonly parts: readonly string[];
  readonly part: string;
}

describe('buckets', () => {
  it.each(['murmur3', 'sha256', 'fnv1a'] as const)(
    'of %s are those of another implementation',
    (algorithm) => {
      const vectors = loadVectors<BucketVector[]>('buckets.json').filter(({ hash }) => hash === algorithm);
      expect(vectors.length).toBeGreaterThan(100);
      for (const { hash, salt, value, bucket } of vectors) {
        expect(bucketOf(salted(hash, salt), value), JSON.stringify([salt, value])).toBe(bucket);
      }
    },
  );

  it.each(loadVectors<FractionalVector[]>('fractional.json'))('agree with flagd about $key', (vector) => {
    const { salt, key, parts, part } = vector;
    const bucket = bucketOf(salted('murmur3', salt), key);
    expect(parts[Math.floor((bucket * parts.length) / 100_000)]).toBe(part);
  });

  it('of a packed value are those of the value, however salt and value fall into blocks', () => {
    const values = fc.oneof(fc.string({ unit: 'binary', maxLength: 20 }), fc.string({ maxLength: 20 }));
    fc.assert(
      fc.property(values, values, (salt, value) => {
        const hash = salted('murmur3', salt);
        expect(hash.algorithm === 'murmur3' && packedBucketOf(hash, packText(value))).toBe(
          bucketOf(hash, value),
        );
      }),
      { numRuns: 2_000, seed: 20_261_121 },
    );
  });

  it('depend on salt and value together, wherever the one ends and the other begins', () => {
    const text = 'größe-0123456789-日本語';
    for (let index = 0; index <= text.length; index++) {
      const [salt, value] = [text.slice(0, index), text.slice(index)];
      expect(murmur3(absorb(salt), value)).toBe(murmur3(absorb(''), text));
      expect(fnv1a(value, fnv1a(salt))).toBe(fnv1a(text));
    }
  });
});

describe('the published hashes', () => {
  it.each([
    ['', 0],
    ['test', 0xba6bd213],
    ['Hello, world!', 0xc0363e43],
    ['The quick brown fox jumps over the lazy dog', 0x2e4ff723],
  ])('murmur3 of %j', (text, hash) => {
    expect(murmur3(absorb(''), text)).toBe(hash);
  });

  it.each([
    ['', 0x811c9dc5],
    ['a', 0xe40c292c],
    ['foobar', 0xbf9cf968],
  ])('fnv1a of %j', (text, hash) => {
    expect(fnv1a(text)).toBe(hash);
  });
});

import { fnv1a } from './fnv1a.ts';
import { type HashAlgorithm, WHOLE } from './model.ts';
import { absorb, finalize32, type Murmur3State, murmur3 } from './murmur3.ts';
import { murmur3Packed, type PackedText } from './packed-text.ts';
import { sha256Hasher } from './sha256-bucket.ts';

/** A hash that has taken in its salt and waits for bucketing values. */
export type Salted =
  | ({ readonly algorithm: 'murmur3' } & Murmur3State)
  | { readonly algorithm: 'fnv1a'; readonly prefix: number }
  | { readonly algorithm: 'sha256'; readonly digest: (value: string) => number };

/** Takes in a salt, once for all values. Throws for an algorithm that this build does not know. */
export function salted(algorithm: HashAlgorithm, salt: string): Salted {
  switch (algorithm) {
    case 'murmur3':
      return { algorithm, ...absorb(salt) };
    case 'fnv1a':
      return { algorithm, prefix: fnv1a(salt) };
    case 'sha256':
      return { algorithm, digest: sha256Hasher(salt) };
    default:
      throw new Error(`unknown hash ${JSON.stringify(algorithm satisfies never)}`);
  }
}

/** 0 to 99999 for a bucketing value. The same value and salt give the same bucket everywhere, for ever. */
export function bucketOf(hash: Salted, value: string): number {
  if (hash.algorithm === 'murmur3') return scale(murmur3(hash, value));
  return otherBucketOf(hash, value);
}

/** The same for a value that was packed. */
export function packedBucketOf(hash: Salted & { algorithm: 'murmur3' }, value: PackedText): number {
  return scale(murmur3Packed(hash, value));
}

function otherBucketOf(hash: Exclude<Salted, { algorithm: 'murmur3' }>, value: string): number {
  switch (hash.algorithm) {
    case 'fnv1a':
      // Without the finalizer the high bits of similar keys are alike, and the buckets far from uniform.
      return scale(finalize32(fnv1a(value, hash.prefix)));
    case 'sha256':
      return scale(hash.digest(value));
  }
}

function scale(hash: number): number {
  // The product is below 2^53, so this is exact.
  return Math.floor((hash * WHOLE) / 0x1_0000_0000);
}

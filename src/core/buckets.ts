import { fnv1a } from './fnv1a.ts';
import { type HashAlgorithm, WHOLE } from './model.ts';
import { absorb, finalize32, murmur3 } from './murmur3.ts';
import { sha256Hasher } from './sha256-bucket.ts';

/** 0 to 99999 for a bucketing value. The same value and salt give the same bucket everywhere, for ever. */
export type Bucketer = (value: string) => number;

/** The bucketer of an algorithm and a salt; the salt is hashed once, here. Throws for an unknown algorithm. */
export function bucketer(algorithm: HashAlgorithm, salt: string): Bucketer {
  switch (algorithm) {
    case 'murmur3': {
      const prefix = absorb(salt);
      return (value) => scale(murmur3(prefix, value));
    }
    case 'fnv1a': {
      // Without the finalizer the high bits of similar keys are alike, and the buckets far from uniform.
      const prefix = fnv1a(salt);
      return (value) => scale(finalize32(fnv1a(value, prefix)));
    }
    case 'sha256': {
      const hash = sha256Hasher(salt);
      return (value) => scale(hash(value));
    }
    default:
      throw new Error(`unknown hash ${JSON.stringify(algorithm satisfies never)}`);
  }
}

function scale(hash: number): number {
  // The product is below 2^53, so this is exact.
  return Math.floor((hash * WHOLE) / 0x1_0000_0000);
}

/** So many of so many. */
export interface Proportion {
  readonly hits: number;
  readonly total: number;
}

export interface Interval {
  readonly low: number;
  readonly high: number;
}

/** A quantile of the standard normal distribution. */
export const Z_95_TWO_SIDED = 1.959964;

export function rateOf({ hits, total }: Proportion): number {
  return total === 0 ? 0 : hits / total;
}

/** Wilson's interval for the rate behind a sample; 0 to 1 for an empty one. */
export function intervalOf({ hits, total }: Proportion, z: number): Interval {
  if (total === 0) return { low: 0, high: 1 };
  const rate = hits / total;
  const share = (z * z) / total;
  const middle = (rate + share / 2) / (1 + share);
  const half = (z / (1 + share)) * Math.sqrt((rate * (1 - rate)) / total + share / (4 * total));
  return { low: Math.max(0, middle - half), high: Math.min(1, middle + half) };
}

/**
 * By how many standard errors the rate of `sample` lies above `factor` times that of `base`. Both samples get two hits
 * and two misses more, without which a rate of nothing would have no error at all.
 */
export function standardErrorsAbove(sample: Proportion, base: Proportion, factor: number): number {
  const [a, b] = [steadied(sample), steadied(base)];
  const error = Math.sqrt(variance(a) + factor * factor * variance(b));
  return (rateOf(a) - factor * rateOf(b)) / error;
}

function steadied({ hits, total }: Proportion): Proportion {
  return { hits: hits + 2, total: total + 4 };
}

function variance(sample: Proportion): number {
  const rate = rateOf(sample);
  return (rate * (1 - rate)) / sample.total;
}

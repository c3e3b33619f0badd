import { type Interval, intervalOf, Z_95_TWO_SIDED } from '../../core/proportion.ts';

/** A number that stands on a sample, with its interval of 95 %. */
export interface Estimate extends Interval {
  readonly value: number;
}

/** Fewer subjects than this tell next to nothing about a rate. */
export const LEAST_SUBJECTS = 100;

/** So many variations are told of at most: those that a flag had over the years are not limited. */
export const MOST_VARIATIONS = 200;

/** Of a sample drawn without replacement from `known` altogether. */
export interface Sampled {
  readonly sampled: number;
  readonly known: number;
}

/**
 * The share of hits among all, judged by `of` sampled ones: Wilson's interval, narrower the more of all were sampled,
 * and exact if all were.
 */
export function shareOf(hits: number, of: number, { sampled, known }: Sampled): Estimate {
  if (of === 0) return { value: 0, low: 0, high: sampled < known ? 1 : 0 };
  const value = hits / of;
  if (sampled >= known) return { value, low: value, high: value };
  // What is known of the rest grows beyond all bounds as the sample becomes everybody.
  const effective = of / (1 - sampled / known);
  return { value, ...intervalOf({ hits: value * effective, total: effective }, Z_95_TWO_SIDED) };
}

/** The rate of something that happens to subjects, with Wilson's interval; undefined without subjects. */
export function rateEstimate(hits: number, total: number): Estimate | undefined {
  if (total === 0) return undefined;
  return { value: hits / total, ...intervalOf({ hits, total }, Z_95_TWO_SIDED) };
}

/** The mean of what each of `total` subjects has, by the normal approximation; undefined below two subjects. */
export function meanEstimate(total: number, sum: number, sumOfSquares: number): Estimate | undefined {
  if (total < 2) return undefined;
  const value = sum / total;
  const variance = Math.max(0, sumOfSquares - total * value * value) / (total - 1);
  const half = Z_95_TWO_SIDED * Math.sqrt(variance / total);
  return { value, low: value - half, high: value + half };
}

export function scaled({ value, low, high }: Estimate, factor: number): Estimate {
  return { value: value * factor, low: low * factor, high: high * factor };
}

import type { Proportion } from './proportion.ts';

/**
 * So much evidence is certainty of 99 %, however often somebody looks: of those whom nothing is wrong with, one in a
 * hundred ever comes that far (Ville's inequality).
 */
export const CERTAIN = 100;

/** By how much the odds may be worse than what is fine; each is as likely as the others. */
const ODDS_RATIOS = [1.25, 1.5, 2, 3, 5, 10, 20, 50];

/** How much more likely the sample is with a rate above the limit than with one at it: a mixture of likelihood ratios. */
export function evidenceAbove({ hits, total }: Proportion, limit: number): number {
  if (limit === 0) return hits > 0 ? Number.POSITIVE_INFINITY : 1;
  const ratios = ODDS_RATIOS.map((ratio) =>
    Math.exp(hits * Math.log(ratio) - total * Math.log1p(limit * (ratio - 1))),
  );
  return ratios.reduce((sum, ratio) => sum + ratio, 0) / ratios.length;
}

/** The same for a rate that is below it. */
export function evidenceBelow({ hits, total }: Proportion, limit: number): number {
  return evidenceAbove({ hits: total - hits, total }, 1 - limit);
}

/**
 * How many standard errors are certainty however often somebody looks while samples grow: 3.4 to 3.6 for samples of one
 * to thirty times `least`, the size from which on anything is decided. Of a mixture of normal likelihoods.
 */
export function certainStandardErrors(smallest: number, least: number): number {
  const grown = (10 * smallest) / least;
  return Math.sqrt(2 * (1 + 1 / grown) * Math.log((CERTAIN / 2) * Math.sqrt(1 + grown)));
}

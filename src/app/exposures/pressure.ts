import { absorb, murmur3 } from '../../core/murmur3.ts';

/** From here on equal evaluations are put together. Shares of the memory that there is. */
export const MERGE_FROM = 0.5;
/** From here on some subjects are left out: half of them, and half of the rest with every twentieth that is gone. */
export const SAMPLE_FROM = 0.75;
const SAMPLE_STEP = 0.05;

const SALT = absorb('vexil exposures ');

/** How many subjects each one stands for when so much of the memory is taken: 1, 2, 4, … */
export function weightAt(fill: number): number {
  if (fill < SAMPLE_FROM) return 1;
  return 2 ** (1 + Math.floor((Math.min(fill, 1) - SAMPLE_FROM) / SAMPLE_STEP));
}

/**
 * Chooses subjects so that one of `weight` stays: the same ones each time and in every process, and those that stay at a
 * higher weight stay at a lower one, so that rates per variation stay what they were.
 */
export class Sample {
  #nobodies = 0;

  keeps(subject: string, weight: number): boolean {
    if (weight === 1) return true;
    if (subject === '') return ++this.#nobodies % weight === 0;
    return murmur3(SALT, subject) < 2 ** 32 / weight;
  }
}

import type { PartOptions } from '../lib/part.ts';

/** How a figure grows with the size of one thing while everything else stays as it is. */
export interface Sizing {
  readonly title: string;
  readonly unit: string;
  /** What shape to expect, and why. */
  readonly meaning: string;
  readonly sizes: readonly number[];
  /** How often each size is measured, in turn. */
  readonly rounds: number;
  measure(size: number, options: PartOptions): Promise<number>;
}

/** One thing that is measured; `npm run bench` runs them one after the other. */
export interface Part {
  readonly name: string;
  /** What is measured, in a line. */
  readonly about: string;
  /** Rejects with Unavailable if there is nothing to measure yet. */
  run(options: PartOptions): Promise<PartResult>;
}

export interface PartOptions {
  /** Fewer and shorter measurements: good for trying out, not for figures. */
  readonly quick: boolean;
  /** The checkout whose Vexil is run. */
  readonly root: string;
  /** Says something about the progress, for people. */
  readonly tell: (line: string) => void;
}

export interface PartResult {
  /** What is printed. */
  readonly text: string;
  readonly checks: readonly Check[];
  /** Everything that was measured; written as JSON. */
  readonly data: unknown;
  /** Drawn as plots. */
  readonly curves?: readonly Curve[];
}

/** Vexil cannot do yet what is to be measured. */
export class Unavailable extends Error {}

/** How one figure depends on the size of something. */
export interface Curve {
  readonly title: string;
  readonly unit: string;
  readonly points: readonly { readonly size: number; readonly value: number }[];
}

/** A target, and whether it was met. */
export interface Check {
  readonly target: string;
  readonly measured: string;
  readonly isMet: boolean;
  /** What was measured as a multiple of the least that would do; 1 and more is met. */
  readonly score: number;
}

/** That something is at least so many times as fast as something else. */
export function atLeast(target: string, leastRatio: number, ratio: number): Check {
  return {
    target: `${target}: at least ${leastRatio}×`,
    measured: `${ratio.toFixed(2)}×`,
    isMet: ratio >= leastRatio,
    score: ratio / leastRatio,
  };
}

/** That something takes no more than so much. */
export function atMost(target: string, most: number, measured: number, unit: string): Check {
  return {
    target: `${target}: at most ${most} ${unit}`,
    measured: `${measured.toFixed(1)} ${unit}`,
    isMet: measured <= most,
    score: most / Math.max(measured, most / 1000),
  };
}

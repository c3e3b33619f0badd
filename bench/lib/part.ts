/** One thing that is measured; `npm run bench` runs them one after the other. */
export interface Part {
  readonly name: string;
  run(options: PartOptions): Promise<PartResult>;
}

export interface PartOptions {
  /** Fewer and shorter measurements: good for trying out, not for figures. */
  readonly quick: boolean;
  /** Says something about the progress, for people. */
  readonly tell: (line: string) => void;
}

export interface PartResult {
  /** What is printed. */
  readonly text: string;
  readonly checks: readonly Check[];
  /** Everything that was measured; written as JSON. */
  readonly data: unknown;
}

/** A target, and whether it was met. */
export interface Check {
  readonly target: string;
  readonly measured: string;
  readonly isMet: boolean;
}

/** That something is at least so many times as fast as something else. */
export function atLeast(target: string, leastRatio: number, ratio: number): Check {
  return {
    target: `${target}: at least ${leastRatio}×`,
    measured: `${ratio.toFixed(1)}×`,
    isMet: ratio >= leastRatio,
  };
}

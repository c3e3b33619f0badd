import type { Evaluation } from './evaluation.ts';

/** What definitions are compiled to: reads the evaluation, and nothing else. */
export type Closure<T> = (evaluation: Evaluation) => T;
export type Predicate = Closure<boolean>;

export interface StepLabel {
  readonly kind: StepKind;
  readonly path: string;
  /** Made only when somebody asks for a trace. */
  readonly describe: () => string;
}

export type StepKind =
  | 'flag'
  | 'status'
  | 'halt'
  | 'release'
  | 'enabled'
  | 'prerequisite'
  | 'target'
  | 'rule'
  | 'condition'
  | 'clause'
  | 'segment'
  | 'rollout'
  | 'split';

/**
 * Stands between the closures of a definition. Compiling with a probe that records gives a trace of exactly
 * what an evaluation does, since it is the same closures that run.
 */
export type Probe = <T>(label: StepLabel, run: Closure<T>, held: (result: T) => boolean) => Closure<T>;

/** Leaves every closure as it is. */
export const SILENT: Probe = (_label, run) => run;

/** Told the numbers that the step in progress is decided by. The bucket is -1 without a bucketing value. */
export interface Meter {
  measured(bucket: number, weight: number | undefined): void;
}

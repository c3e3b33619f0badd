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
export interface Probe {
  step<T>(label: StepLabel, run: Closure<T>, held: (result: T) => boolean): Closure<T>;
  /** A number that the step in progress was decided by. */
  measure(what: 'bucket' | 'weight', run: Closure<number>): Closure<number>;
}

/** Leaves every closure as it is. */
export const SILENT: Probe = {
  step: (_label, run) => run,
  measure: (_what, run) => run,
};

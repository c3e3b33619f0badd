/** Time, from outside. Tests move one of their own. */
export interface Clock {
  /** Milliseconds since the epoch. May jump. */
  now(): number;
  /** Milliseconds since some moment. Must never go backwards. */
  monotonic(): number;
  /** Must call `task` once, not before `delayMs` have passed, unless disposed first. Must not keep the process alive. */
  after(delayMs: number, task: () => void): Disposable;
}

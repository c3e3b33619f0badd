/** Where a process writes down how much it has accepted so far, so that it is known once it was killed. */
export interface AcceptedNote {
  /** Must be cheap, must not throw, and must be there for others to read when it returns. Only ever more. */
  note(accepted: number): void;
}

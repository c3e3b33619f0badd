import type { Change } from '../core/change.ts';

/** That a project has a new revision. With `change` if it is small enough to send along. */
export interface ChangeNotice {
  readonly project: string;
  readonly revision: number;
  readonly hash: string;
  readonly change?: Change;
}

/**
 * Tells every replica, this one included, that a project changed. A hint and never trusted: notices may be lost,
 * doubled, late or out of order, and whoever gets one checks it against the log.
 */
export interface ChangeBus extends AsyncDisposable {
  /**
   * Must hand the notice to every current subscriber while the bus is connected. Must not throw, wait for
   * subscribers, or let one that throws keep it from the others.
   */
  publish(notice: ChangeNotice): void;

  /** Must call `listener` for each notice published from now on, until the returned handle is disposed. */
  subscribe(listener: (notice: ChangeNotice) => void): Disposable;

  /**
   * Whether notices arrive at the moment. Must be true for a bus that cannot be disconnected. While it is false the
   * subscriber has to look at the log more often.
   */
  connected(): boolean;
}

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
   * Must hand the notice to this replica's own subscribers, connected or not, and to those of every other replica
   * while both are connected. Must not throw, wait for subscribers, or let one that throws keep it from the others.
   * May leave out the `change`. Must not keep what cannot be sent at the moment.
   */
  publish(notice: ChangeNotice): void;

  /** Must call `listener` for each notice published from now on, until the returned handle is disposed. */
  subscribe(listener: (notice: ChangeNotice) => void): Disposable;

  /**
   * Whether notices of others arrive at the moment, as far as is known. Must be true for a bus that cannot be
   * disconnected. While it is false the subscriber has to look at the log more often.
   */
  connected(): boolean;

  /**
   * Must call `listener` each time `connected` has turned true, until the returned handle is disposed. From then on
   * notices arrive, so whoever looks at the log at once misses nothing.
   */
  onConnected(listener: () => void): Disposable;
}

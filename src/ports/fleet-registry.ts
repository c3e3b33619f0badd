import type { Instant, Revision } from '../core/model.ts';

/** What a replica says about itself. */
export interface ReplicaReport {
  /** Of this run of the process, and of no other. */
  readonly id: string;
  /** Higher with each report. */
  readonly sequence: number;
  /** For people; may be that of another replica as well. */
  readonly name: string;
  readonly version: string;
  readonly startedAt: Instant;
  /** It serves, but is about to go. */
  readonly draining: boolean;
  /** When it said this: how old at most the news may be that it does not have, of any project. */
  readonly stalenessMs: number;
  /** The revision that it has of each project; none of those that are absent. */
  readonly applied: ReadonlyMap<string, Revision>;
  /** Projects whose log it does not follow any more, and why. */
  readonly troubles: readonly Complaint[];
  /** Objects that it does not understand and serves as they last were. */
  readonly quarantined: readonly Complaint[];
}

export interface Complaint {
  readonly project: string;
  readonly what: string;
}

/** The last report of a replica, and how long ago it was made. */
export interface Member {
  readonly report: ReplicaReport;
  readonly ageMs: number;
}

/** A replica that was silent for so long is none any more. */
export const LIVE_MS = 10_000;

/**
 * Where replicas tell each other how far they are: for people, and for whoever waits until all have a change. Nothing
 * may depend on it being true.
 */
export interface FleetRegistry extends AsyncDisposable {
  /**
   * Must show this report in `members` of every handle in place of the replica's earlier ones, and never an earlier one
   * again. Rejects with `unavailable` if it cannot be made known.
   */
  report(report: ReplicaReport): Promise<void>;

  /** Must take the replica out of `members` of every handle. It does not report again. */
  leave(id: string): Promise<void>;

  /**
   * Must have each replica, this one included, that has reported in the last `LIVE_MS` and has not left. Ages must not
   * depend on the clocks of replicas agreeing. Rejects with `unavailable` if nobody can tell at the moment.
   */
  members(): Promise<readonly Member[]>;

  /** May call `listener` when another replica has reported, until the returned handle is disposed. */
  subscribe(listener: () => void): Disposable;
}

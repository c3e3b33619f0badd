import type { ObjectState, Operation } from '../core/change.ts';

/**
 * The newest state of every object of a project, derived from the log: for people and tools to look at, and to start
 * quickly from. Nothing is evaluated from it, and it may be thrown away at any time.
 */
export interface Projection extends AsyncDisposable {
  /**
   * Brings the projection from `from` to `to` by these operations, all at once or not at all.
   *
   * - Must change nothing unless it stands at exactly `from`, and must say whether it did. Without a state it stands
   *   at revision 0 with an empty hash.
   * - After a crash it must stand at a revision that was saved, with the objects of that revision.
   */
  apply(
    project: string,
    from: Position,
    to: NotedPosition,
    operations: readonly Operation[],
  ): Promise<boolean>;

  /** Must replace whatever there is by this state, all at once or not at all. */
  reset(project: string, at: NotedPosition, objects: readonly StoredObject[]): Promise<void>;

  /**
   * Must return the state of the last successful `apply` or `reset`, or undefined if there is none or if it does not
   * match its checksum; never part of a state.
   */
  load(project: string): Promise<ProjectedState | undefined>;

  /** Must return where the state of the last successful `apply` or `reset` stands. Need not notice damage. */
  at(project: string): Promise<Position | undefined>;

  /** Must return every project that has a state, in code point order. */
  projects(): Promise<readonly string[]>;
}

export interface Position {
  readonly revision: number;
  readonly hash: string;
}

/** A position, and what is to be known of the state that stands there. */
export interface NotedPosition extends Position {
  /** A store may leave it out. One that keeps it must cover it by the state's checksum. Absent: nothing. */
  readonly note?: string;
}

export interface StoredObject {
  readonly object: ObjectState;
  /** The revision that last changed it. */
  readonly version: number;
}

export interface ProjectedState extends NotedPosition {
  readonly objects: readonly StoredObject[];
}

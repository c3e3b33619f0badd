import type { Revision } from '../core/model.ts';
import { hasReached, type Replica, troubleOf } from './fleet-members.ts';

/** How far the replicas have got with a revision of a project. */
export interface FleetProgress {
  /** Every replica has it, and none can be missing from the list. */
  readonly complete: boolean;
  readonly membersKnown: boolean;
  readonly elapsedMs: number;
  /** By name. */
  readonly replicas: readonly ReplicaProgress[];
}

export interface ReplicaProgress {
  readonly id: string;
  readonly name: string;
  /** The one that it has of the project. */
  readonly revision: Revision;
  readonly reached: boolean;
  /** When that was known, from the beginning of the wait; absent if it is not. */
  readonly reachedAfterMs?: number;
  /** Since it was heard of. */
  readonly silenceMs: number;
  /** Why it does not follow the project's log any more. */
  readonly trouble?: string;
  /** Objects of the project that it serves as they last were. */
  readonly quarantined: readonly string[];
}

/** `reachedAt` has, by id, when a replica was first seen to have the revision. */
export function progressOf(
  replica: Replica,
  project: string,
  revision: Revision,
  reachedAt: ReadonlyMap<string, number>,
): ReplicaProgress {
  const { id, name, silenceMs, applied, quarantined } = replica;
  const reachedAfterMs = reachedAt.get(id);
  const trouble = troubleOf(replica, project);
  return {
    ...{ id, name },
    revision: applied.get(project) ?? 0,
    reached: hasReached(replica, project, revision),
    ...(reachedAfterMs !== undefined && { reachedAfterMs }),
    silenceMs: Math.round(silenceMs),
    ...(trouble !== undefined && { trouble }),
    quarantined: quarantined.filter((each) => each.project === project).map(({ what }) => what),
  };
}

import type { Member, ReplicaReport } from '../ports/fleet-registry.ts';

/** A replica, as another one or itself knows it. */
export interface Replica extends ReplicaReport {
  /** Milliseconds since it was heard of. */
  readonly silenceMs: number;
  readonly isSelf: boolean;
}

/** The newest that is known of each replica, however it was heard; this one's own word about itself. By name. */
export function mergedMembers(
  self: ReplicaReport,
  ...heard: readonly (readonly Member[])[]
): readonly Replica[] {
  const replicas = new Map<string, Replica>();
  for (const { report, ageMs } of heard.flat()) {
    const known = replicas.get(report.id);
    const newest = known === undefined || report.sequence > known.sequence ? report : known;
    const silenceMs = Math.min(ageMs, known?.silenceMs ?? Number.POSITIVE_INFINITY);
    replicas.set(report.id, { ...newest, silenceMs, isSelf: false });
  }
  replicas.set(self.id, { ...self, silenceMs: 0, isSelf: true });
  return [...replicas.values()].sort(byName);
}

function byName(a: Replica, b: Replica): number {
  const [left, right] = [`${a.name}\n${a.id}`, `${b.name}\n${b.id}`];
  return left < right ? -1 : 1;
}

/** Whether the replica has that revision of the project, and follows the project's log. */
export function hasReached(replica: ReplicaReport, project: string, revision: number): boolean {
  return (replica.applied.get(project) ?? 0) >= revision && troubleOf(replica, project) === undefined;
}

export function troubleOf(replica: ReplicaReport, project: string): string | undefined {
  return replica.troubles.find((trouble) => trouble.project === project)?.what;
}

import type { Complaint, ReplicaReport } from '../ports/fleet-registry.ts';
import type { Catalog } from './catalog.ts';
import { nameOf } from './quarantine.ts';

/** What does not change while a replica runs. */
export type Self = Pick<ReplicaReport, 'id' | 'name' | 'version' | 'startedAt'>;

const MOST_COMPLAINTS = 50;
const LONGEST_MS = 0xffff_ffff;

/** What a replica with this catalog has to say about itself now. */
export function ownReport(
  catalog: Catalog,
  about: Self & Pick<ReplicaReport, 'sequence' | 'draining'>,
): ReplicaReport {
  const states = catalog.everyState();
  const staleness = states.map(({ key }) => catalog.stalenessMs(key));
  return {
    ...about,
    stalenessMs: Math.min(staleness.reduce(higher, Math.round(catalog.silenceMs())), LONGEST_MS),
    applied: new Map(states.map(({ key, revision }) => [key, revision])),
    troubles: first(catalog.troubles().map(({ project, trouble }) => ({ project, what: trouble }))),
    quarantined: first(
      catalog.problems().map((problem) => ({ project: problem.project, what: nameOf(problem) })),
    ),
  };
}

function higher(a: number, b: number): number {
  return Math.max(a, b);
}

function first(complaints: readonly Complaint[]): readonly Complaint[] {
  return complaints.slice(0, MOST_COMPLAINTS);
}

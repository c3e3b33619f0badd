import type { ChangeLog } from '../ports/change-log.ts';
import type { ProjectedState, Projection, StoredObject } from '../ports/projection.ts';
import { identified } from './identified.ts';
import { adoptionsIn, type Lineage } from './lineage.ts';
import { type ProjectState, stateOf } from './project-state.ts';
import type { Problem } from './quarantine.ts';
import { readNote } from './state-note.ts';
import { shapeProblem } from './stored-object.ts';

/** A state as an earlier process left it, not compared with the log. */
export interface Restored {
  readonly state: ProjectState;
  readonly lineage: Lineage;
  /** What was not understood then, or is not understood by this build. */
  readonly problems: readonly Problem[];
  /** When it was last known to be the newest, by this machine's clock (epoch milliseconds). Absent: nobody knows. */
  readonly verifiedAt?: number;
}

/** The state that a projection of this very replica holds; undefined if it has none, or none that is whole. */
export async function restoreState(projection: Projection, project: string): Promise<Restored | undefined> {
  const projected = await projection.load(project);
  const note = readNote(projected?.note);
  if (projected === undefined || note === undefined || projected.revision === 0) return undefined;
  const { revision, hash } = projected;
  const { time, problems, verifiedAt, genesis, adoptions } = note;
  const { objects, strange } = sorted(projected);
  return {
    state: stateOf(project, { revision, hash, time }, objects),
    lineage: { genesis, adoptions },
    problems: [...problems, ...strange],
    ...(verifiedAt !== undefined && { verifiedAt }),
  };
}

/**
 * The state that a projection of all replicas holds, for who has none of its own; undefined if it is not of the log's
 * history or if this build does not understand all of it. Then the log has to be read from its start.
 */
export async function restoreShared(
  projection: Projection,
  log: ChangeLog,
  project: string,
): Promise<Restored | undefined> {
  const projected = await projection.load(project).catch(() => undefined);
  if (projected === undefined || projected.revision === 0) return undefined;
  const [first] = await log.read(project, 0, 1);
  const [at] = await log.read(project, projected.revision - 1, 1);
  if (first === undefined || at === undefined || at.hash !== projected.hash) return undefined;
  const { objects, strange } = sorted(projected);
  if (strange.length > 0) return undefined;
  const { revision, hash } = projected;
  const { adoptions } = await adoptionsIn(log, project);
  return {
    state: stateOf(project, { revision, hash, time: at.time }, objects),
    lineage: { genesis: first.hash, adoptions },
    problems: [],
  };
}

/** The objects that this build understands, and what is the matter with the others. */
function sorted({ objects }: ProjectedState): { objects: StoredObject[]; strange: Problem[] } {
  const understood: StoredObject[] = [];
  const strange: Problem[] = [];
  for (const stored of objects) {
    const message = shapeProblem(stored.object);
    const id = identified({ op: 'put', object: stored.object });
    if (message === undefined) understood.push(stored);
    else strange.push({ revision: stored.version, message, ...(id !== undefined && { id }) });
  }
  return { objects: understood, strange };
}

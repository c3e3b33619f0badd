import type { ChangeLog } from '../ports/change-log.ts';
import type { Projection } from '../ports/projection.ts';
import { type ProjectState, stateOf } from './project-state.ts';
import { shapeProblem } from './stored-object.ts';

export interface Restored {
  readonly state: ProjectState;
  /** The hash of the project's first change. */
  readonly genesis: string;
}

/**
 * The state that the projection holds; undefined if there is none, if it is not of the log's history or if this
 * build does not understand all of it. Then the log itself has to be read from its start.
 */
export async function restoreState(
  projection: Projection,
  log: ChangeLog,
  project: string,
): Promise<Restored | undefined> {
  const projected = await projection.load(project);
  if (projected === undefined || projected.revision === 0) return undefined;
  const [first] = await log.read(project, 0, 1);
  const [at] = await log.read(project, projected.revision - 1, 1);
  if (first === undefined || at === undefined || at.hash !== projected.hash) return undefined;
  if (projected.objects.some(({ object }) => shapeProblem(object) !== undefined)) return undefined;
  const { revision, hash } = projected;
  return {
    state: stateOf(project, { revision, hash, time: at.time }, projected.objects),
    genesis: first.hash,
  };
}

import { idOf, idString, type Operation } from '../../src/core/change.ts';
import type { Position, ProjectedState } from '../../src/ports/projection.ts';

/** The state of the empty log. */
export const EMPTY_STATE: ProjectedState = { revision: 0, hash: '', objects: [] };

/** Where a state, or the log after a change, stands. */
export function standing({ revision, hash }: Position): Position {
  return { revision, hash };
}

/** The state that operations make of one. */
export function appliedTo(
  state: ProjectedState,
  to: Position,
  operations: readonly Operation[],
): ProjectedState {
  const objects = new Map(state.objects.map((stored) => [idString(idOf(stored.object)), stored]));
  for (const operation of operations) {
    if (operation.op === 'delete') objects.delete(idString(operation.id));
    else objects.set(idString(idOf(operation.object)), { object: operation.object, version: to.revision });
  }
  return { ...standing(to), objects: [...objects.values()] };
}

import { setImmediate as nextTurn } from 'node:timers/promises';
import { idOf, type ObjectId, type ObjectState, type Operation } from '../core/change.ts';
import { type Difference, diffJson } from '../core/diff.ts';
import type { JsonObject } from '../core/model.ts';
import { objectOf, objectsOf, type ProjectState } from './project-state.ts';

/** What became of one object between two states of its project. */
export interface ObjectDifference {
  readonly id: ObjectId;
  readonly kind: 'created' | 'updated' | 'deleted';
  readonly before?: JsonObject;
  readonly after?: JsonObject;
  /** Of an update, field by field, without the time of the update itself. */
  readonly fields: readonly Difference[];
}

/** How many objects are compared before the event loop gets its turn. */
const TURN = 100;

/** An object as history shows it: everything but the hash of a key's secret. */
export function documentOf(object: ObjectState): JsonObject {
  const state = object.kind === 'key' ? { ...object.state, secretHash: undefined } : object.state;
  const document: JsonObject = JSON.parse(JSON.stringify(state));
  return document;
}

/** What operations do to the objects of a state, in their order. */
export function differencesBy(before: ProjectState, operations: readonly Operation[]): ObjectDifference[] {
  return operations.map((operation) => {
    const id = operation.op === 'put' ? idOf(operation.object) : operation.id;
    return differenceOf(
      id,
      objectOf(before, id)?.state,
      operation.op === 'put' ? operation.object : undefined,
    );
  });
}

/** Every object that is not the same in two states of one project, gone ones last. */
export async function differencesBetween(
  before: ProjectState,
  after: ProjectState,
): Promise<ObjectDifference[]> {
  const found: ObjectDifference[] = [];
  let compared = 0;
  const breathe = async () => {
    if (++compared % TURN === 0) await nextTurn();
  };
  for (const { state: object, version } of objectsOf(after)) {
    const id = idOf(object);
    const earlier = objectOf(before, id);
    if (earlier?.version === version) continue;
    const difference = differenceOf(id, earlier?.state, object);
    if (difference.kind === 'created' || difference.fields.length > 0) found.push(difference);
    await breathe();
  }
  for (const { state: object } of objectsOf(before)) {
    const id = idOf(object);
    if (objectOf(after, id) === undefined) found.push(differenceOf(id, object, undefined));
    await breathe();
  }
  return found;
}

function differenceOf(
  id: ObjectId,
  earlier: ObjectState | undefined,
  later: ObjectState | undefined,
): ObjectDifference {
  const before = earlier && documentOf(earlier);
  const after = later && documentOf(later);
  if (after === undefined) return { id, kind: 'deleted', ...(before && { before }), fields: [] };
  if (before === undefined) return { id, kind: 'created', after, fields: [] };
  const fields = diffJson(before, after).filter(({ path }) => path !== 'updatedAt');
  return { id, kind: 'updated', before, after, fields };
}

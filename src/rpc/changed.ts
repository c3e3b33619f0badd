import type { Stored } from '../app/project-state.ts';
import { type Committed, resultOf } from '../app/writer.ts';
import type { ObjectKind, ObjectState } from '../core/change.ts';
import { FlagError } from '../core/errors.ts';

type States = { [O in ObjectState as O['kind']]: O['state'] };

/** The object as a commit left it. Rejects with `not_found` if a replayed change's object is gone since. */
export function changedObject<K extends ObjectKind>(
  committed: Committed,
  kind: K,
  key: string,
  environment = '',
): Stored<States[K]> {
  const result = resultOf(committed, { kind, environment, key });
  if (result !== undefined && isOf(result.state, kind))
    return { state: result.state.state, version: result.version };
  throw new FlagError('not_found', `${kind} ${key} is gone since`);
}

/** All objects of this kind that a commit put, in its order. */
export function putObjects<K extends ObjectKind>(committed: Committed, kind: K): States[K][] {
  const found: States[K][] = [];
  for (const operation of committed.operations)
    if (operation.op === 'put' && isOf(operation.object, kind)) found.push(operation.object.state);
  return found;
}

function isOf<K extends ObjectKind>(
  object: ObjectState,
  kind: K,
): object is ObjectState & { state: States[K] } {
  return object.kind === kind;
}

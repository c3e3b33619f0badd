import { create } from '@bufbuild/protobuf';
import {
  type FieldChange,
  FieldChangeSchema,
  type ObjectChange,
  ObjectChange_Kind,
  ObjectChangeSchema,
  type Revision,
  RevisionSchema,
} from '../../../gen/vexil/v1/history_service_pb.ts';
import { identified } from '../../app/identified.ts';
import type { ObjectDifference } from '../../app/object-differences.ts';
import type { Change } from '../../core/change.ts';
import type { Difference } from '../../core/diff.ts';
import { objectName, revisionName } from '../names.ts';
import { timestampOf } from '../timestamp.ts';
import { idempotencyKeySent } from '../writes.ts';
import { pairing } from './enums.ts';
import { structObject, valueMessage } from './json.ts';

const kinds = pairing<ObjectDifference['kind'], ObjectChange_Kind>(ObjectChange_Kind.UNSPECIFIED, {
  created: ObjectChange_Kind.CREATED,
  updated: ObjectChange_Kind.UPDATED,
  deleted: ObjectChange_Kind.DELETED,
});

/** A revision with the names of what it touched. */
export function revisionMessage(change: Change): Revision {
  const touched = change.operations.flatMap((operation) => {
    const id = identified(operation);
    if (id === undefined) return [];
    const kind = operation.op === 'put' ? ObjectChange_Kind.UNSPECIFIED : ObjectChange_Kind.DELETED;
    return [create(ObjectChangeSchema, { name: objectName(change.project, id), object: id.kind, kind })];
  });
  return withChanges(change, touched);
}

/** A revision with what things were like before and after it. */
export function revisionDetailMessage(change: Change, differences: readonly ObjectDifference[]): Revision {
  return withChanges(
    change,
    differences.map((difference) => objectChangeMessage(change.project, difference)),
  );
}

export function objectChangeMessage(
  project: string,
  { id, kind, before, after, fields }: ObjectDifference,
): ObjectChange {
  return create(ObjectChangeSchema, {
    name: objectName(project, id),
    object: id.kind,
    kind: kinds.toWire(kind),
    ...(before !== undefined && { before: structObject(before) }),
    ...(after !== undefined && { after: structObject(after) }),
    fields: fields.map(fieldMessage),
  });
}

function withChanges(change: Change, changes: ObjectChange[]): Revision {
  return create(RevisionSchema, {
    name: revisionName(change.project, change.revision),
    revision: BigInt(change.revision),
    action: change.action,
    actor: change.actor,
    reason: change.reason,
    time: timestampOf(change.time),
    idempotencyKey: idempotencyKeySent(change.idempotencyKey),
    previousHash: Buffer.from(change.previousHash, 'hex'),
    hash: Buffer.from(change.hash, 'hex'),
    changes,
  });
}

function fieldMessage({ path, before, after }: Difference): FieldChange {
  return create(FieldChangeSchema, {
    path,
    ...(before !== undefined && { before: valueMessage(before) }),
    ...(after !== undefined && { after: valueMessage(after) }),
  });
}

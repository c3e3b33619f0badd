import { type JsonValue, toJson } from '@bufbuild/protobuf';
import { type Value, ValueSchema } from '@bufbuild/protobuf/wkt';
import {
  type FieldChange,
  type ObjectChange,
  ObjectChange_Kind,
  type Revision,
} from '../../../gen/vexil/v1/history_service_pb.ts';
import { enumWord } from '../parse/enumeration.ts';
import { fields, printable, table } from './table.ts';
import { formatTime } from './time.ts';

export function revisionTable(revisions: readonly Revision[]): string {
  const rows = revisions.map((one) => [
    String(one.revision),
    formatTime(one.time),
    one.action,
    one.actor,
    one.changes.map(({ name }) => shortName(name)).join(','),
    one.reason,
  ]);
  return table(['REVISION', 'TIME', 'ACTION', 'ACTOR', 'CHANGED', 'REASON'], rows);
}

export function revisionText(revision: Revision): string {
  const about = fields([
    ['revision', String(revision.revision)],
    ['time', formatTime(revision.time)],
    ['action', revision.action],
    ['actor', revision.actor],
    ['reason', revision.reason],
    ['hash', Buffer.from(revision.hash).toString('hex')],
  ]);
  return [about, ...revision.changes.map(changeText)].join('\n\n');
}

/** What changed, object by object: each with its fields, before and after. */
export function changesText(changes: readonly ObjectChange[]): string {
  return changes.map(changeText).join('\n\n');
}

function changeText(change: ObjectChange): string {
  const kind = enumWord(ObjectChange_Kind, change.kind);
  const head = printable(`${change.object} ${shortName(change.name)} ${kind}`);
  return [head, ...change.fields.flatMap(fieldLines)].join('\n');
}

function fieldLines({ path, before, after }: FieldChange): string[] {
  const lines = [
    ...(before === undefined ? [] : [`  - ${path}: ${valueText(before)}`]),
    ...(after === undefined ? [] : [`  + ${path}: ${valueText(after)}`]),
  ];
  return lines.map(printable);
}

function valueText(value: Value): string {
  const json: JsonValue = toJson(ValueSchema, value);
  return JSON.stringify(json);
}

/** Without the project, which is the same for all. */
function shortName(name: string): string {
  return name.replace(/^projects\/[^/]+\//, '');
}

import { toJson } from '@bufbuild/protobuf';
import { ValueSchema } from '@bufbuild/protobuf/wkt';
import {
  type Clause,
  type Condition,
  Operator,
  type ReleaseGate,
} from '../../../gen/vexil/v1/definitions_pb.ts';
import { enumWord } from '../parse/enumeration.ts';

/** A condition in words: `plan in "pro", "team" and not (segment in staff)`. */
export function conditionText(condition: Condition | undefined): string {
  if (condition === undefined) return 'everybody';
  const { kind } = condition;
  switch (kind.case) {
    case 'all':
      return kind.value.conditions.map(operand).join(' and ') || 'everybody';
    case 'any':
      return kind.value.conditions.map(operand).join(' or ') || 'nobody';
    case 'not':
      return `not (${conditionText(kind.value)})`;
    case 'clause':
      return clauseText(kind.value);
    case 'segment':
      return `segment ${kind.value.negate ? 'not in' : 'in'} ${kind.value.segments.join(', ')}`;
    case 'release':
      return gateText(kind.value);
    default:
      return 'a condition that this version does not know';
  }
}

function operand(condition: Condition): string {
  const { kind } = condition;
  const isList = kind.case === 'all' || kind.case === 'any';
  const text = conditionText(condition);
  return isList && kind.value.conditions.length > 1 ? `(${text})` : text;
}

function clauseText({ attribute, operator, values }: Clause): string {
  const list = values.map((value) => JSON.stringify(toJson(ValueSchema, value))).join(', ');
  return `${attribute} ${enumWord(Operator, operator)} ${list}`.trimEnd();
}

function gateText({ kind }: ReleaseGate): string {
  switch (kind.case) {
    case 'runtimeVersion':
      return `runtime version ${enumWord(Operator, kind.value.operator)} ${kind.value.version}`;
    case 'branch':
      return `branch is ${kind.value}`;
    case 'updatedWithinDays':
      return `updated within ${kind.value} days`;
    default:
      return 'a release gate that this version does not know';
  }
}

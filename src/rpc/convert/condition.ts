import { create, type MessageInitShape } from '@bufbuild/protobuf';
import {
  type Clause as ClauseMessage,
  type Condition as ConditionMessage,
  ConditionSchema,
  type ReleaseGate as ReleaseGateMessage,
  ReleaseGateSchema,
  type Operator as WireOperator,
} from '../../../gen/vexil/v1/definitions_pb.ts';
import type { Clause, Condition, ReleaseGate } from '../../core/model.ts';
import { operators } from './enums.ts';
import { readJson, valueMessage } from './json.ts';
import { type Mistakes, NESTING, readEnum, under } from './reading.ts';

type ConditionInit = NonNullable<MessageInitShape<typeof ConditionSchema>['kind']>;
type GateInit = NonNullable<MessageInitShape<typeof ReleaseGateSchema>['kind']>;

export function conditionMessage(condition: Condition): ConditionMessage {
  return create(ConditionSchema, { kind: kindOf(condition) });
}

function kindOf(condition: Condition): ConditionInit {
  switch (condition.kind) {
    case 'all':
    case 'any':
      return { case: condition.kind, value: { conditions: condition.conditions.map(conditionMessage) } };
    case 'not':
      return { case: 'not', value: conditionMessage(condition.condition) };
    case 'clause': {
      const { attribute, values } = condition;
      const operator = operators.toWire(condition.operator);
      return { case: 'clause', value: { attribute, operator, values: values.map(valueMessage) } };
    }
    case 'segment':
      return { case: 'segment', value: { segments: [...condition.segments], negate: condition.negate } };
    case 'release':
      return { case: 'release', value: create(ReleaseGateSchema, { kind: gateKindOf(condition.gate) }) };
  }
}

function gateKindOf(gate: ReleaseGate): GateInit {
  switch (gate.kind) {
    case 'runtime_version':
      return {
        case: 'runtimeVersion',
        value: { operator: operators.toWire(gate.operator), version: gate.version },
      };
    case 'branch':
      return { case: 'branch', value: gate.branch };
    case 'updated_within':
      return { case: 'updatedWithinDays', value: gate.days };
  }
}

const STAND_IN: Condition = { kind: 'all', conditions: [] };

export function readCondition(
  message: ConditionMessage,
  path: string,
  mistakes: Mistakes,
  depth = 0,
): Condition {
  if (depth > NESTING) {
    mistakes.push({ path, message: `is nested deeper than ${NESTING} levels` });
    return STAND_IN;
  }
  const { kind } = message;
  switch (kind.case) {
    case 'all':
    case 'any': {
      const list = under(path, `${kind.case}.conditions`);
      const conditions = kind.value.conditions.map((each, index) =>
        readCondition(each, `${list}[${index}]`, mistakes, depth + 1),
      );
      return { kind: kind.case, conditions };
    }
    case 'not':
      return { kind: 'not', condition: readCondition(kind.value, under(path, 'not'), mistakes, depth + 1) };
    case 'clause':
      return readClause(kind.value, under(path, 'clause'), mistakes);
    case 'segment':
      return { kind: 'segment', segments: [...kind.value.segments], negate: kind.value.negate };
    case 'release':
      return { kind: 'release', gate: readGate(kind.value, under(path, 'release'), mistakes) };
    case undefined:
      mistakes.push({ path, message: 'must be one of all, any, not, clause, segment and release' });
      return STAND_IN;
  }
}

function readClause(message: ClauseMessage, path: string, mistakes: Mistakes): Clause {
  const { attribute, operator } = message;
  return {
    kind: 'clause',
    attribute,
    operator: readEnum(operators.fromWire(operator), operator, 'eq', under(path, 'operator'), mistakes),
    values: message.values.map((value, index) => readJson(value, under(path, `values[${index}]`), mistakes)),
  };
}

function readGate({ kind }: ReleaseGateMessage, path: string, mistakes: Mistakes): ReleaseGate {
  switch (kind.case) {
    case 'runtimeVersion': {
      const place = under(path, 'runtime_version.operator');
      const operator = readGateOperator(kind.value.operator, place, mistakes);
      return { kind: 'runtime_version', operator, version: kind.value.version };
    }
    case 'branch':
      return { kind: 'branch', branch: kind.value };
    case 'updatedWithinDays':
      return { kind: 'updated_within', days: kind.value };
    case undefined:
      mistakes.push({ path, message: 'must be one of runtime_version, branch and updated_within_days' });
      return { kind: 'branch', branch: '' };
  }
}

function readGateOperator(wire: WireOperator, path: string, mistakes: Mistakes) {
  const operator = operators.fromWire(wire);
  switch (operator) {
    case 'gt':
    case 'gte':
    case 'lt':
    case 'lte':
      return operator;
    default:
      mistakes.push({
        path,
        message: 'must be one of OPERATOR_GT, OPERATOR_GTE, OPERATOR_LT and OPERATOR_LTE',
      });
      return 'gt';
  }
}

import { create } from '@bufbuild/protobuf';
import {
  type Decision,
  DecisionSchema,
  type EvaluateResponse,
  EvaluateResponseSchema,
} from '../../../gen/vexil/v1/evaluation_pb.ts';
import type { Outcome } from '../../core/outcome.ts';
import { errorCodes, reasons } from './enums.ts';
import { valueMessage } from './json.ts';

const decisions = new WeakMap<Outcome, Decision>();

/** The outcome as a message: the same one for the same outcome, so nobody may change it. */
export function decisionOf(outcome: Outcome): Decision {
  let decision = decisions.get(outcome);
  if (decision === undefined) {
    decision = decisionMessage(outcome);
    decisions.set(outcome, decision);
  }
  return decision;
}

/** The same as a new message. */
export function decisionMessage(outcome: Outcome): Decision {
  return create(DecisionSchema, fieldsOf(outcome));
}

/** The answer to one evaluation, without a trace. */
export function evaluateResponseOf(outcome: Outcome, revision: number): EvaluateResponse {
  const { $typeName, ...fields } = decisionOf(outcome);
  return create(EvaluateResponseSchema, { ...fields, revision: BigInt(revision) });
}

function fieldsOf(outcome: Outcome) {
  return {
    flagKey: outcome.flag,
    value: decidedValue(outcome),
    variation: outcome.variation,
    reason: reasons.toWire(outcome.reason),
    ...(outcome.errorCode !== undefined && { errorCode: errorCodes.toWire(outcome.errorCode) }),
    detail: outcome.detail,
    ruleId: outcome.ruleId,
    flagVersion: BigInt(outcome.flagVersion),
    static: outcome.isStatic,
  };
}

/** Absent also if the value is not of its flag's type: a caller's own default is better than that. */
function decidedValue({ type, value }: Outcome): Decision['value'] {
  if (value === undefined) return { case: undefined };
  if (type === 'json') return { case: 'jsonValue', value: valueMessage(value) };
  if (type === 'boolean' && typeof value === 'boolean') return { case: 'boolValue', value };
  if (type === 'string' && typeof value === 'string') return { case: 'stringValue', value };
  if (type === 'number' && typeof value === 'number') return { case: 'numberValue', value };
  return { case: undefined };
}

import { type JsonValue, toJson } from '@bufbuild/protobuf';
import { ValueSchema } from '@bufbuild/protobuf/wkt';
import {
  type Decision,
  ErrorCode,
  type EvaluateResponse,
  Reason,
} from '../../../gen/vexil/v1/evaluation_pb.ts';
import { enumWord } from '../parse/enumeration.ts';
import { printable, table } from './table.ts';

type Answer = Pick<
  Decision | EvaluateResponse,
  'flagKey' | 'value' | 'variation' | 'reason' | 'errorCode' | 'detail' | 'ruleId' | 'flagVersion'
>;

/** The decided value; `undefined` where the caller's own default is to be used. */
export function decidedValue({ value }: Pick<Decision, 'value'>): JsonValue | undefined {
  return value.case === 'jsonValue' ? toJson(ValueSchema, value.value) : value.value;
}

/** The value alone, for shell scripts: a string without quotes, everything else as JSON. */
export function bareValue(answer: Pick<Decision, 'value'>): string {
  const value = decidedValue(answer);
  return typeof value === 'string' ? value : value === undefined ? '' : JSON.stringify(value);
}

/** `checkout = true (on, SPLIT by rule rollout)`. */
export function decisionLine(answer: Answer): string {
  const value = decidedValue(answer);
  const shown = value === undefined ? 'no value' : JSON.stringify(value);
  const variation = answer.variation === '' ? '' : `${answer.variation}, `;
  return printable(`${answer.flagKey} = ${shown} (${variation}${reasonText(answer)})`);
}

/** `SPLIT by rule rollout`, `HALTED: too many errors`, `ERROR FLAG_NOT_FOUND`. */
export function reasonText({ reason, errorCode, ruleId, detail }: Answer): string {
  const code = errorCode === ErrorCode.UNSPECIFIED ? '' : ` ${enumWord(ErrorCode, errorCode).toUpperCase()}`;
  const rule = ruleId === '' ? '' : ` by rule ${ruleId}`;
  const more = detail === '' ? '' : `: ${detail}`;
  return `${enumWord(Reason, reason).toUpperCase()}${code}${rule}${more}`;
}

export function decisionTable(decisions: readonly Decision[]): string {
  const rows = decisions.map((decision) => {
    const value = decidedValue(decision);
    return [
      decision.flagKey,
      value === undefined ? '' : JSON.stringify(value),
      decision.variation,
      reasonText(decision),
      String(decision.flagVersion),
    ];
  });
  return table(['FLAG', 'VALUE', 'VARIATION', 'REASON', 'VERSION'], rows);
}

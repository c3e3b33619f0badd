import { describe, expect, it } from 'vitest';
import { ErrorCode, Reason } from '../../../gen/vexil/v1/evaluation_pb.ts';
import type { Outcome } from '../../../src/core/outcome.ts';
import { decisionOf, evaluateResponseOf } from '../../../src/rpc/convert/decision.ts';

const outcome: Outcome = {
  flag: 'checkout',
  value: true,
  type: 'boolean',
  variation: 'on',
  reason: 'SPLIT',
  errorCode: undefined,
  detail: 'why',
  ruleId: 'rule-1',
  flagVersion: 12,
  isStatic: true,
  clientVisible: true,
  recordExposures: true,
};

describe('the message of an outcome', () => {
  it('says everything that the outcome says', () => {
    expect(decisionOf(outcome)).toMatchObject({
      flagKey: 'checkout',
      value: { case: 'boolValue', value: true },
      variation: 'on',
      reason: Reason.SPLIT,
      errorCode: ErrorCode.UNSPECIFIED,
      detail: 'why',
      ruleId: 'rule-1',
      flagVersion: 12n,
      static: true,
    });
  });

  it('holds the value as the type of the flag has it', () => {
    const caseOf = (type: Outcome['type'], value: Outcome['value']) =>
      decisionOf({ ...outcome, type, value }).value.case;
    expect(caseOf('string', 'a')).toBe('stringValue');
    expect(caseOf('number', 0)).toBe('numberValue');
    expect(caseOf('json', [1])).toBe('jsonValue');
    expect(caseOf('json', null)).toBe('jsonValue');
    expect(caseOf('boolean', false)).toBe('boolValue');
  });

  it('has no value when the caller is to use their own, or when it is not of the type of the flag', () => {
    expect(decisionOf({ ...outcome, type: undefined, value: undefined }).value.case).toBeUndefined();
    expect(decisionOf({ ...outcome, type: 'string', value: 7 }).value.case).toBeUndefined();
  });

  it('names the error', () => {
    const unknown: Outcome = { ...outcome, reason: 'ERROR', errorCode: 'FLAG_NOT_FOUND' };
    expect(decisionOf(unknown)).toMatchObject({
      reason: Reason.ERROR,
      errorCode: ErrorCode.FLAG_NOT_FOUND,
    });
  });

  it('is the same object for the same outcome', () => {
    expect(decisionOf(outcome)).toBe(decisionOf(outcome));
    expect(decisionOf({ ...outcome })).not.toBe(decisionOf(outcome));
  });

  it('carries the revision as the answer to an evaluation', () => {
    const response = evaluateResponseOf(outcome, 44);
    expect(response.$typeName).toBe('vexil.v1.EvaluateResponse');
    expect(response).toMatchObject({ flagKey: 'checkout', variation: 'on', flagVersion: 12n, revision: 44n });
  });
});

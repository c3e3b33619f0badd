import { describe, expect, it } from 'vitest';
import { attributeReader } from '../../src/core/attribute.ts';
import { violationsOf } from '../../src/core/checks.ts';
import { compileClause } from '../../src/core/clause.ts';
import { Evaluation } from '../../src/core/evaluation.ts';
import { DEFAULT_LIMITS } from '../../src/core/limits.ts';
import type { Clause, Json, JsonObject } from '../../src/core/model.ts';
import { checkCondition } from '../../src/core/validate-condition.ts';
import { loadVectors, snapshotOf } from '../vectors/load.ts';

interface ClauseVector {
  readonly operator: Clause['operator'];
  readonly values: readonly Json[];
  readonly holds: readonly Json[];
  readonly fails: readonly Json[];
}

interface RefusedVector {
  readonly operator: Clause['operator'];
  readonly values: readonly Json[];
  readonly path: string;
}

interface AttributeVector {
  readonly name: string;
  readonly attribute: string;
  readonly targetingKey?: string;
  readonly attributes: JsonObject;
  readonly value?: Json;
}

const snapshot = snapshotOf({ flags: [] });

function evaluationOf(attributes: JsonObject, targetingKey = ''): Evaluation {
  return new Evaluation(snapshot, { targetingKey, attributes }, 0);
}

function violations(clause: Clause) {
  return violationsOf((report) => checkCondition(clause, 'condition', DEFAULT_LIMITS, report));
}

describe('a clause', () => {
  it.each(loadVectors<ClauseVector[]>('clauses.json'))('$operator $values', (vector) => {
    const clause: Clause = {
      kind: 'clause',
      attribute: 'a',
      operator: vector.operator,
      values: vector.values,
    };
    const holds = compileClause(clause);
    for (const a of vector.holds) expect.soft(holds(evaluationOf({ a })), JSON.stringify(a)).toBe(true);
    for (const a of vector.fails) expect.soft(holds(evaluationOf({ a })), JSON.stringify(a)).toBe(false);
    expect(holds(evaluationOf({}))).toBe(vector.operator === 'not_exists');
    expect(violations(clause)).toEqual([]);
  });

  it.each(['eq', 'neq', 'in', 'not_in', 'gt', 'gte', 'lt', 'lte', 'before', 'after'] as const)(
    '%s never holds for NaN',
    (operator) => {
      const holds = compileClause({ kind: 'clause', attribute: 'a', operator, values: [5] });
      expect(holds(evaluationOf({ a: Number.NaN }))).toBe(false);
    },
  );

  it('compares infinity as the number that it is', () => {
    const holds = compileClause({ kind: 'clause', attribute: 'a', operator: 'gt', values: [5] });
    expect(holds(evaluationOf({ a: Number.POSITIVE_INFINITY }))).toBe(true);
  });

  it.each(loadVectors<RefusedVector[]>('refused-clauses.json'))('$operator $values is refused', (vector) => {
    const clause: Clause = {
      kind: 'clause',
      attribute: 'a',
      operator: vector.operator,
      values: vector.values,
    };
    expect(violations(clause).map(({ path }) => path)).toContain(`condition.clause.${vector.path}`);
  });
});

describe('an attribute is found', () => {
  it.each(loadVectors<AttributeVector[]>('attributes.json'))('$name', (vector) => {
    const read = attributeReader(vector.attribute);
    expect(read(evaluationOf(vector.attributes, vector.targetingKey))).toEqual(vector.value);
  });
});

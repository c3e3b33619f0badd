import type { Clause, Condition, Json, ReleaseGate, SegmentClause, Serve } from './model.ts';

const MAX_VALUES = 8;

/** A clause in words, such as `plan in ["pro", "team"]`. */
export function describeClause(clause: Clause): string {
  const { attribute, operator, values } = clause;
  const [first] = values;
  if (first === undefined) return `${attribute} ${operator}`;
  return `${attribute} ${operator} ${values.length === 1 ? JSON.stringify(first) : list(values)}`;
}

/** Such as `in segment beta or staff`. */
export function describeSegments(clause: SegmentClause): string {
  const keys = clause.segments.slice(0, MAX_VALUES).join(' or ');
  return `${clause.negate ? 'not in' : 'in'} segment ${keys}`;
}

/** Such as `runtime version gte 2.0.0`. */
export function describeGate(gate: ReleaseGate): string {
  switch (gate.kind) {
    case 'runtime_version':
      return `runtime version ${gate.operator} ${gate.version}`;
    case 'branch':
      return `branch is ${gate.branch}`;
    case 'updated_within':
      return `updated within ${gate.days} days`;
  }
}

/** Such as `all of 3`. */
export function describeGroup(condition: Condition & { kind: 'all' | 'any' | 'not' }): string {
  return condition.kind === 'not' ? 'not' : `${condition.kind} of ${condition.conditions.length}`;
}

/** What a rule gives to those it is for. */
export function describeServe(serve: Serve): string {
  return serve.kind === 'variation'
    ? `serves ${serve.variation}`
    : `serves ${serve.variations.map((one) => `${one.variation} ${percent(one.weight)}`).join(', ')}`;
}

/** A weight as a percentage. */
export function percent(weight: number): string {
  return `${weight / 1000} %`;
}

function list(values: readonly Json[]): string {
  const shown = values.slice(0, MAX_VALUES).map((value) => JSON.stringify(value));
  const hidden = values.length - shown.length;
  return `[${shown.join(', ')}${hidden > 0 ? `, and ${hidden} more` : ''}]`;
}

import { checkCount, checkJson, checkKey, checkText, type Report, under } from './checks.ts';
import { compileClause } from './clause.ts';
import type { Limits } from './limits.ts';
import type { Clause, Condition, Json, ReleaseGate } from './model.ts';
import { parseSemVer } from './semver.ts';

/** What is wrong with a condition; its place is `path`. Reports, and never throws, for what this build does not know. */
export function checkCondition(condition: Condition, path: string, limits: Limits, report: Report): void {
  const budget = { clauses: 0 };
  checkPart(condition, path, { limits, report, budget, depth: 1 });
  checkCount(budget.clauses, 'clausesPerCondition', path, limits, report);
}

interface Place {
  readonly limits: Limits;
  readonly report: Report;
  readonly budget: { clauses: number };
  readonly depth: number;
}

function checkPart(condition: Condition, path: string, place: Place): void {
  const { limits, report, budget, depth } = place;
  if (depth > limits.conditionDepth) {
    report(path, `must not be nested deeper than ${limits.conditionDepth}`, 'conditionDepth');
    return;
  }
  const inner = { ...place, depth: depth + 1 };
  switch (condition.kind) {
    case 'all':
    case 'any':
      if (condition.kind === 'any' && condition.conditions.length === 0) {
        report(path, 'must have at least one condition, or nobody would match');
      }
      for (const [index, part] of condition.conditions.entries()) {
        checkPart(part, `${path}.${condition.kind}.conditions[${index}]`, inner);
      }
      return;
    case 'not':
      checkPart(condition.condition, `${path}.not`, inner);
      return;
    case 'clause':
      budget.clauses++;
      checkClause(condition, under(path, 'clause'), limits, report);
      return;
    case 'segment':
      budget.clauses++;
      if (condition.segments.length === 0)
        report(under(path, 'segment.segments'), 'must name at least one segment');
      checkCount(
        condition.segments.length,
        'valuesPerClause',
        under(path, 'segment.segments'),
        limits,
        report,
      );
      for (const [index, key] of condition.segments.entries()) {
        checkKey(key, `${under(path, 'segment.segments')}[${index}]`, report);
      }
      return;
    case 'release':
      budget.clauses++;
      checkGate(condition.gate, under(path, 'release'), limits, report);
      return;
    default:
      report(path, 'is of a kind that is not known here');
  }
}

function checkClause(clause: Clause, path: string, limits: Limits, report: Report): void {
  const { attribute, operator, values } = clause;
  if (attribute === '') report(under(path, 'attribute'), 'must not be empty');
  checkText(attribute, under(path, 'attribute'), limits, report);
  const takesNone = operator === 'exists' || operator === 'not_exists';
  const place = under(path, 'values');
  if (takesNone && values.length > 0) report(place, `must be empty for ${operator}`);
  if (!takesNone && values.length === 0) report(place, 'must not be empty');
  if (values.length > limits.valuesPerClause) {
    checkCount(values.length, 'valuesPerClause', place, limits, report);
    return;
  }
  if (!isKnown(clause)) {
    report(under(path, 'operator'), 'is not known here');
    return;
  }
  for (const [index, value] of values.entries()) {
    checkValue(clause, value, `${place}[${index}]`, limits, report);
  }
}

/** Whether the operator itself compiles, whatever its values. */
function isKnown(clause: Clause): boolean {
  return problemOf({ ...clause, values: [] }) === undefined;
}

function checkValue(clause: Clause, value: Json, path: string, limits: Limits, report: Report): void {
  if (typeof value === 'string') {
    if (clause.operator === 'matches' && value.length > limits.patternLength) {
      report(path, `must be at most ${limits.patternLength} characters`, 'patternLength');
      return;
    }
    checkText(value, path, limits, report);
  } else {
    checkJson(value, path, report);
  }
  const problem = problemOf({ ...clause, values: [value] });
  if (problem !== undefined) report(path, problem);
}

/** Why the compiler refuses a clause. */
function problemOf(clause: Clause): string | undefined {
  try {
    compileClause(clause);
    return undefined;
  } catch (error) {
    return error instanceof Error ? error.message : String(error);
  }
}

const GATE_OPERATORS: readonly string[] = ['gt', 'gte', 'lt', 'lte'];
const MAX_DAYS = 36_500;

function checkGate(gate: ReleaseGate, path: string, limits: Limits, report: Report): void {
  switch (gate.kind) {
    case 'runtime_version':
      if (!GATE_OPERATORS.includes(gate.operator)) {
        report(under(path, 'runtime_version.operator'), 'must be one of gt, gte, lt and lte');
      }
      if (parseSemVer(gate.version) === undefined) {
        report(under(path, 'runtime_version.version'), `${JSON.stringify(gate.version)} is not a version`);
      }
      return;
    case 'branch':
      if (gate.branch === '') report(under(path, 'branch'), 'must not be empty');
      checkText(gate.branch, under(path, 'branch'), limits, report);
      return;
    case 'updated_within':
      if (!Number.isInteger(gate.days) || gate.days < 1 || gate.days > MAX_DAYS) {
        report(under(path, 'updated_within_days'), `must be a whole number from 1 to ${MAX_DAYS}`);
      }
      return;
    default:
      report(path, 'is a gate of a kind that is not known here');
  }
}

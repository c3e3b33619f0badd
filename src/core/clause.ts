import { attributeReader, isPlain } from './attribute.ts';
import { isInCidr, parseAddress, parseCidr } from './cidr.ts';
import { toNumber } from './decimal.ts';
import type { Clause, Json, Operator } from './model.ts';
import { compilePattern } from './pattern.ts';
import type { Closure, Predicate } from './probe.ts';
import { compareSemVer, parseSemVer } from './semver.ts';
import { parseTime } from './time.ts';

/** Whether one scalar satisfies the operator with any of the clause's values. */
type Test = (value: Json | undefined) => boolean;

/**
 * A clause as a predicate over the context; its values are parsed once, here. Throws for an operator that this
 * build does not know and for values that the operator cannot work with.
 *
 * A list holds for a positive operator if any element does, for a negative one if none does. A missing attribute
 * and a scalar of a type that the operator is not about satisfy neither. For `eq` and its relatives every string,
 * boolean and number (but NaN) is of the right type, so the string "7" does satisfy `neq 7`.
 */
export function compileClause(clause: Clause): Predicate {
  const { operator, values } = clause;
  const read = attributeReader(clause.attribute);
  switch (operator) {
    case 'exists':
      return (evaluation) => read(evaluation) !== undefined;
    case 'not_exists':
      return (evaluation) => read(evaluation) === undefined;
    case 'eq':
    case 'in':
      return equality(clause.attribute, values);
    case 'neq':
    case 'not_in':
      return negative(read, equalsAny(values), isScalar);
    case 'not_contains':
      return negative(read, compileTest('contains', values), isString);
    default:
      return positive(read, compileTest(operator, values));
  }
}

/** The most common clauses, with as few objects to visit as can be: that is what many flags at once take. */
function equality(name: string, values: readonly Json[]): Predicate {
  const read = attributeReader(name);
  const test = equalsAny(values);
  const [one, two] = values;
  if (one === undefined || values.length > 2) return positive(read, test);
  if (isPlain(name))
    return (evaluation) => {
      const value = evaluation.context.attributes[name] ?? undefined;
      if (value === undefined) return false;
      return value === one || value === two || (Array.isArray(value) && value.some(test));
    };
  return (evaluation) => {
    const value = read(evaluation);
    if (value === undefined) return false;
    return value === one || value === two || (Array.isArray(value) && value.some(test));
  };
}

function positive(read: Closure<Json | undefined>, test: Test): Predicate {
  return (evaluation) => {
    const value = read(evaluation);
    return Array.isArray(value) ? value.some(test) : test(value);
  };
}

function negative(read: Closure<Json | undefined>, test: Test, isOfRightType: Test): Predicate {
  return (evaluation) => {
    const value = read(evaluation);
    return Array.isArray(value) ? !value.some(test) : isOfRightType(value) && !test(value);
  };
}

type PositiveOperator = Exclude<
  Operator,
  'eq' | 'in' | 'exists' | 'not_exists' | 'neq' | 'not_in' | 'not_contains'
>;

function compileTest(operator: PositiveOperator, values: readonly Json[]): Test {
  switch (operator) {
    case 'contains':
      return text(values, (value, constant) => value.includes(constant));
    case 'starts_with':
      return text(values, (value, constant) => value.startsWith(constant));
    case 'ends_with':
      return text(values, (value, constant) => value.endsWith(constant));
    case 'matches': {
      const patterns = strings(values).map(compilePattern);
      return (value) => typeof value === 'string' && patterns.some((matches) => matches(value));
    }
    case 'gt':
    case 'gte':
    case 'lt':
    case 'lte':
      return numbers(operator, values);
    case 'before':
    case 'after':
      return times(operator, values);
    case 'semver_eq':
    case 'semver_gt':
    case 'semver_gte':
    case 'semver_lt':
    case 'semver_lte':
      return versions(operator, values);
    case 'in_cidr':
      return addresses(values);
    default:
      throw new Error(`unknown operator ${JSON.stringify(operator satisfies never)}`);
  }
}

function equalsAny(values: readonly Json[]): Test {
  if (!values.every(isScalar)) throw new Error('values to be compared are strings, numbers and booleans');
  const [only] = values;
  if (values.length === 1) return (value) => value === only;
  const set: ReadonlySet<Json | undefined> = new Set(values);
  return (value) => set.has(value);
}

function text(values: readonly Json[], holds: (value: string, constant: string) => boolean): Test {
  const constants = strings(values);
  const [only] = constants;
  if (only !== undefined && constants.length === 1) {
    return (value) => typeof value === 'string' && holds(value, only);
  }
  return (value) => typeof value === 'string' && constants.some((constant) => holds(value, constant));
}

/** Every order against several constants is the same order against one of them: the least or the greatest. */
function numbers(operator: 'gt' | 'gte' | 'lt' | 'lte', values: readonly Json[]): Test {
  const constants = parsed(values, finiteNumber, 'a number');
  switch (operator) {
    case 'gt': {
      const least = Math.min(...constants);
      return (value) => toNumber(value) > least;
    }
    case 'gte': {
      const least = Math.min(...constants);
      return (value) => toNumber(value) >= least;
    }
    case 'lt': {
      const greatest = Math.max(...constants);
      return (value) => toNumber(value) < greatest;
    }
    case 'lte': {
      const greatest = Math.max(...constants);
      return (value) => toNumber(value) <= greatest;
    }
  }
}

function times(operator: 'before' | 'after', values: readonly Json[]): Test {
  const constants = parsed(values, toTime, 'a time');
  if (operator === 'before') {
    const latest = Math.max(...constants);
    return (value) => (toTime(value) ?? Number.NaN) < latest;
  }
  const earliest = Math.min(...constants);
  return (value) => (toTime(value) ?? Number.NaN) > earliest;
}

function versions(operator: Operator & `semver_${string}`, values: readonly Json[]): Test {
  const constants = parsed(values, toSemVer, 'a version');
  const holds = ORDERS[operator];
  return (value) => {
    const version = toSemVer(value);
    return version !== undefined && constants.some((constant) => holds(compareSemVer(version, constant)));
  };
}

const ORDERS: Readonly<Record<Operator & `semver_${string}`, (order: number) => boolean>> = {
  semver_eq: (order) => order === 0,
  semver_gt: (order) => order > 0,
  semver_gte: (order) => order >= 0,
  semver_lt: (order) => order < 0,
  semver_lte: (order) => order <= 0,
};

function addresses(values: readonly Json[]): Test {
  const ranges = parsed(
    values,
    (value) => (isString(value) ? parseCidr(value) : undefined),
    'an address range',
  );
  return (value) => {
    const address = isString(value) ? parseAddress(value) : undefined;
    return address !== undefined && ranges.some((range) => isInCidr(address, range));
  };
}

function finiteNumber(value: Json | undefined): number | undefined {
  const number = toNumber(value);
  return Number.isFinite(number) ? number : undefined;
}

/** Epoch milliseconds of a time that is written as a number or as text. */
export function toTime(value: Json | undefined): number | undefined {
  if (typeof value === 'number') return Number.isFinite(value) ? value : undefined;
  return typeof value === 'string' ? parseTime(value) : undefined;
}

function toSemVer(value: Json | undefined) {
  return typeof value === 'string' ? parseSemVer(value) : undefined;
}

function parsed<T>(values: readonly Json[], parse: (value: Json) => T | undefined, what: string): T[] {
  return values.map((value) => {
    const constant = parse(value);
    if (constant === undefined) throw new Error(`${JSON.stringify(value)} is not ${what}`);
    return constant;
  });
}

function strings(values: readonly Json[]): string[] {
  return parsed(values, (value) => (isString(value) ? value : undefined), 'a string');
}

function isString(value: Json | undefined): value is string {
  return typeof value === 'string';
}

function isScalar(value: Json | undefined): boolean {
  return typeof value === 'number'
    ? !Number.isNaN(value)
    : typeof value === 'string' || typeof value === 'boolean';
}

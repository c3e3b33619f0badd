import type { Json, JsonObject } from '../core/model.ts';

/** Pays for steps before they are taken; throws once too many have been. */
export type Spend = (steps: number) => void;

/** What an operand wants of a value, in words, if the value does not have it. Operands are valid by the meta-schema. */
export type Assertion = (value: Json, operand: Json, spend: Spend) => string | undefined;

/** The keywords that look at a value without looking at its items and members by other schemas. */
export const ASSERTIONS: ReadonlyMap<string, Assertion> = new Map<string, Assertion>(
  Object.entries<Assertion>({
    type(value, operand) {
      const types = list(operand);
      if (types.some((type) => isOfType(value, type))) return undefined;
      return `must be ${types.join(' or ')}`;
    },
    enum: (value, operand, spend) =>
      list(operand).some((each) => equal(value, each, spend))
        ? undefined
        : 'must be equal to one of the allowed values',
    const: (value, operand, spend) =>
      equal(value, operand, spend) ? undefined : 'must be equal to constant',

    minimum: ofNumber((value, limit) => value >= limit, 'must be >='),
    maximum: ofNumber((value, limit) => value <= limit, 'must be <='),
    exclusiveMinimum: ofNumber((value, limit) => value > limit, 'must be >'),
    exclusiveMaximum: ofNumber((value, limit) => value < limit, 'must be <'),
    multipleOf: ofNumber((value, divisor) => Number.isInteger(value / divisor), 'must be multiple of'),

    minLength: ofSize(charactersIn, (size, limit) => size >= limit, 'characters', 'at least'),
    maxLength: ofSize(charactersIn, (size, limit) => size <= limit, 'characters', 'at most'),
    minItems: ofSize(itemsIn, (size, limit) => size >= limit, 'items', 'at least'),
    maxItems: ofSize(itemsIn, (size, limit) => size <= limit, 'items', 'at most'),
    minProperties: ofSize(membersIn, (size, limit) => size >= limit, 'properties', 'at least'),
    maxProperties: ofSize(membersIn, (size, limit) => size <= limit, 'properties', 'at most'),

    required(value, operand, spend) {
      return isObject(value) ? missing(value, operand, spend) : undefined;
    },
    dependentRequired(value, operand, spend) {
      if (!isObject(value) || !isObject(operand)) return undefined;
      for (const [name, needed] of Object.entries(operand)) {
        spend(1);
        const problem = Object.hasOwn(value, name) ? missing(value, needed, spend) : undefined;
        if (problem !== undefined) return `${problem} when property '${name}' is present`;
      }
      return undefined;
    },
    uniqueItems(value, operand, spend) {
      if (!Array.isArray(value) || operand !== true) return undefined;
      const texts = new Set(value.map((item: Json) => textOf(item, spend)));
      return texts.size === value.length ? undefined : 'must NOT have duplicate items';
    },
  }),
);

export function isObject(value: Json | undefined): value is JsonObject {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

export function isArray(value: Json | undefined): value is readonly Json[] {
  return Array.isArray(value);
}

function ofNumber(holds: (value: number, limit: number) => boolean, wanted: string): Assertion {
  return (value, limit) =>
    typeof value !== 'number' || typeof limit !== 'number' || holds(value, limit)
      ? undefined
      : `${wanted} ${limit}`;
}

function ofSize(
  sizeOf: (value: Json, spend: Spend) => number | undefined,
  holds: (size: number, limit: number) => boolean,
  what: string,
  bound: string,
): Assertion {
  return (value, limit, spend) => {
    const size = sizeOf(value, spend);
    if (size === undefined || typeof limit !== 'number' || holds(size, limit)) return undefined;
    return `must have ${bound} ${limit} ${what}`;
  };
}

function charactersIn(value: Json, spend: Spend): number | undefined {
  if (typeof value !== 'string') return undefined;
  spend(value.length);
  let count = 0;
  for (const _ of value) count++;
  return count;
}

function itemsIn(value: Json): number | undefined {
  return isArray(value) ? value.length : undefined;
}

function membersIn(value: Json, spend: Spend): number | undefined {
  if (!isObject(value)) return undefined;
  const { length } = Object.keys(value);
  spend(length);
  return length;
}

function missing(value: JsonObject, names: Json, spend: Spend): string | undefined {
  spend(list(names).length);
  const name = list(names).find((each) => typeof each === 'string' && !Object.hasOwn(value, each));
  return name === undefined ? undefined : `must have required property '${name}'`;
}

function isOfType(value: Json, type: Json): boolean {
  switch (type) {
    case 'null':
      return value === null;
    case 'array':
      return isArray(value);
    case 'object':
      return isObject(value);
    case 'integer':
      return Number.isInteger(value);
    default:
      return typeof value === type;
  }
}

function equal(a: Json, b: Json, spend: Spend): boolean {
  spend(1);
  if (isArray(a))
    return isArray(b) && a.length === b.length && a.every((item, at) => equal(item, b[at] ?? null, spend));
  if (!isObject(a)) return a === b;
  if (!isObject(b)) return false;
  const names = Object.keys(a);
  spend(names.length);
  if (names.length !== Object.keys(b).length) return false;
  return names.every((name) => Object.hasOwn(b, name) && equal(a[name] ?? null, b[name] ?? null, spend));
}

/** Equal values have equal texts. */
function textOf(value: Json, spend: Spend): string {
  spend(4);
  if (isArray(value)) return `[${value.map((item) => textOf(item, spend)).join()}]`;
  if (isObject(value)) {
    const members = Object.entries(value).map(
      ([name, each]) => `${JSON.stringify(name)}:${textOf(each, spend)}`,
    );
    return `{${members.sort().join()}}`;
  }
  const text = JSON.stringify(value);
  spend(text.length);
  return text;
}

function list(value: Json): readonly Json[] {
  return isArray(value) ? value : [value];
}

import type { Json, JsonObject } from '../core/model.ts';
import { isArray, isObject } from './schema-assertions.ts';
import type { Place, Problem, SchemaCheck } from './schema-check.ts';

/** Holds a value, or what is inside it, against the schemas in the operand. `schema` is where the operand is from. */
type Applicator = (
  operand: Json,
  place: Place,
  check: SchemaCheck,
  schema: JsonObject,
) => Problem | undefined;

/** In this order: what is additional or unevaluated is known once the others have had their say. */
export const APPLICATORS: readonly (readonly [keyword: string, applicator: Applicator])[] = [
  ['pattern', pattern],
  ['$ref', (reference, place, check) => check.alsoBy(check.referred(reference), place)],
  ['allOf', (schemas, place, check) => first(list(schemas), (each) => check.alsoBy(each, place))],
  [
    'anyOf',
    (schemas, place, check) => passing(schemas, place, check, (count) => count > 0, 'a schema in anyOf'),
  ],
  [
    'oneOf',
    (schemas, place, check) =>
      passing(schemas, place, check, (count) => count === 1, 'exactly one schema in oneOf'),
  ],
  ['not', not],
  ['if', ifThenElse],
  ['dependentSchemas', dependentSchemas],
  ['prefixItems', prefixItems],
  [
    'items',
    (operand, place, check, { prefixItems }) =>
      inside(operand, place, check, indexes(place, check, list(prefixItems).length)),
  ],
  ['contains', contains],
  ['properties', properties],
  ['patternProperties', patternProperties],
  ['additionalProperties', additionalProperties],
  ['propertyNames', propertyNames],
  [
    'unevaluatedItems',
    (operand, place, check) => inside(operand, place, check, unevaluated(indexes(place, check), place)),
  ],
  [
    'unevaluatedProperties',
    (operand, place, check) => inside(operand, place, check, unevaluated(names(place, check), place)),
  ],
];

const ONE = [
  ...['not', 'if', 'then', 'else', 'items', 'contains', 'propertyNames', 'additionalProperties'],
  ...['unevaluatedItems', 'unevaluatedProperties'],
];
const SEVERAL = ['allOf', 'anyOf', 'oneOf', 'prefixItems'];
const NAMED = ['$defs', 'definitions', 'properties', 'patternProperties', 'dependentSchemas'];

/** The schemas that a schema directly consists of. */
export function subSchemas(schema: JsonObject): Json[] {
  return [
    ...ONE.flatMap((keyword) => (Object.hasOwn(schema, keyword) ? (schema[keyword] ?? []) : [])),
    ...SEVERAL.flatMap((keyword) => (Object.hasOwn(schema, keyword) ? list(schema[keyword]) : [])),
    ...NAMED.flatMap((keyword) =>
      Object.hasOwn(schema, keyword) ? Object.values(members(schema[keyword])) : [],
    ),
  ];
}

function pattern(operand: Json, { value, path }: Place, check: SchemaCheck): Problem | undefined {
  if (typeof value !== 'string' || typeof operand !== 'string' || check.matches(operand, value))
    return undefined;
  return { path, message: `must match pattern "${operand}"` };
}

function passing(
  schemas: Json,
  place: Place,
  check: SchemaCheck,
  enough: (count: number) => boolean,
  what: string,
): Problem | undefined {
  const count = list(schemas).filter((each) => check.alsoBy(each, place) === undefined).length;
  return enough(count) ? undefined : { path: place.path, message: `must match ${what}` };
}

function not(operand: Json, place: Place, check: SchemaCheck): Problem | undefined {
  const holds = check.alsoBy(operand, { ...place, evaluated: new Set() }) === undefined;
  return holds ? { path: place.path, message: 'must NOT be valid' } : undefined;
}

function ifThenElse(
  operand: Json,
  place: Place,
  check: SchemaCheck,
  schema: JsonObject,
): Problem | undefined {
  const next = check.alsoBy(operand, place) === undefined ? 'then' : 'else';
  return Object.hasOwn(schema, next) ? check.alsoBy(schema[next], place) : undefined;
}

function dependentSchemas(operand: Json, place: Place, check: SchemaCheck): Problem | undefined {
  const schemas = members(operand);
  return first(counted(Object.keys(schemas), check), (name) =>
    isObject(place.value) && Object.hasOwn(place.value, name)
      ? check.alsoBy(schemas[name], place)
      : undefined,
  );
}

function prefixItems(operand: Json, place: Place, check: SchemaCheck): Problem | undefined {
  const schemas = list(operand);
  return first(indexes(place, check).slice(0, schemas.length), (index) =>
    insideOne(schemas[Number(index)], place, check, index),
  );
}

function contains(operand: Json, place: Place, check: SchemaCheck, schema: JsonObject): Problem | undefined {
  if (!isArray(place.value)) return undefined;
  const { minContains = 1, maxContains = Infinity } = schema;
  const found = indexes(place, check).filter((index) => {
    const passes = insideOne(operand, { ...place, evaluated: new Set() }, check, index) === undefined;
    if (passes) place.evaluated.add(index);
    return passes;
  }).length;
  if (found >= Number(minContains) && found <= Number(maxContains)) return undefined;
  const most = maxContains === Infinity ? '' : ` and at most ${maxContains}`;
  return { path: place.path, message: `must contain at least ${minContains}${most} valid item(s)` };
}

function properties(operand: Json, place: Place, check: SchemaCheck): Problem | undefined {
  const schemas = members(operand);
  return first(names(place, check), (name) =>
    Object.hasOwn(schemas, name) ? insideOne(schemas[name], place, check, name) : undefined,
  );
}

function patternProperties(operand: Json, place: Place, check: SchemaCheck): Problem | undefined {
  return first(Object.entries(members(operand)), ([each, schema]) =>
    inside(
      schema,
      place,
      check,
      names(place, check).filter((name) => check.matches(each, name)),
    ),
  );
}

function additionalProperties(
  operand: Json,
  place: Place,
  check: SchemaCheck,
  schema: JsonObject,
): Problem | undefined {
  const named = members(schema.properties);
  const patterns = Object.keys(members(schema.patternProperties));
  const isAdditional = (name: string) =>
    !Object.hasOwn(named, name) && !patterns.some((each) => check.matches(each, name));
  return inside(operand, place, check, names(place, check).filter(isAdditional));
}

function propertyNames(operand: Json, place: Place, check: SchemaCheck): Problem | undefined {
  return first(names(place, check), (name) =>
    check.alsoBy(operand, { ...place, value: name, evaluated: new Set() }),
  );
}

function inside(
  schema: Json,
  place: Place,
  check: SchemaCheck,
  which: readonly string[],
): Problem | undefined {
  return first(which, (name) => insideOne(schema, place, check, name));
}

function insideOne(
  schema: Json | undefined,
  { value, path, depth, evaluated }: Place,
  check: SchemaCheck,
  name: string,
): Problem | undefined {
  evaluated.add(name);
  const inner = isArray(value) ? value[Number(name)] : members(value)[name];
  const step = name.replaceAll('~', '~0').replaceAll('/', '~1');
  return check.apply(schema, {
    ...{ value: inner ?? null, path: `${path}/${step}` },
    ...{ depth: depth + 1, evaluated: new Set<string>() },
  });
}

function unevaluated(which: readonly string[], { evaluated }: Place): string[] {
  return which.filter((name) => !evaluated.has(name));
}

function indexes({ value }: Place, check: SchemaCheck, from = 0): string[] {
  return isArray(value) ? counted([...value.keys()].slice(from).map(String), check) : [];
}

function names({ value }: Place, check: SchemaCheck): string[] {
  return isObject(value) ? counted(Object.keys(value), check) : [];
}

function counted(which: string[], check: SchemaCheck): string[] {
  check.spend(which.length);
  return which;
}

function first<T>(items: readonly T[], problemOf: (item: T) => Problem | undefined): Problem | undefined {
  for (const item of items) {
    const problem = problemOf(item);
    if (problem !== undefined) return problem;
  }
  return undefined;
}

function list(value: Json | undefined): readonly Json[] {
  return isArray(value) ? value : [];
}

function members(value: Json | undefined): JsonObject {
  return isObject(value) ? value : {};
}

import type { Json, JsonObject } from './model.ts';

/** One place where two values differ. An absent side is a place that the other value does not have. */
export interface Difference {
  /** Such as `rules[0].rollout.weight`, or `attributes["a.b"]`; empty for the whole. */
  readonly path: string;
  readonly before?: Json;
  readonly after?: Json;
}

const PLAIN_NAME = /^[A-Za-z_$][A-Za-z0-9_$]*$/;

/**
 * Where `after` differs from `before`, as deep as both sides have the same shape, in the order of `before`. In a
 * list, what both ends have in common is left alone, so that an item put in front is one difference and not one for
 * every item behind it; indices are those of `after`, or of `before` for what is gone.
 */
export function diffJson(before: Json, after: Json): Difference[] {
  const found: Difference[] = [];
  compare('', before, after, found);
  return found;
}

/** Whether two values say the same; the order of an object's members does not matter. */
export function equalJson(a: Json, b: Json): boolean {
  if (a === b) return true;
  if (isList(a) && isList(b))
    return a.length === b.length && a.every((item, index) => sameAt(item, b[index]));
  if (!isObject(a) || !isObject(b)) return false;
  const names = Object.keys(a);
  return (
    names.length === Object.keys(b).length &&
    names.every((name) => Object.hasOwn(b, name) && sameAt(a[name], b[name]))
  );
}

function sameAt(a: Json | undefined, b: Json | undefined): boolean {
  return a === undefined || b === undefined ? a === b : equalJson(a, b);
}

function compare(path: string, before: Json | undefined, after: Json | undefined, found: Difference[]): void {
  if (before === undefined || after === undefined) {
    if (before !== after)
      found.push({ path, ...(before !== undefined && { before }), ...(after !== undefined && { after }) });
  } else if (isList(before) && isList(after)) compareLists(path, before, after, found);
  else if (isObject(before) && isObject(after)) compareObjects(path, before, after, found);
  else if (before !== after) found.push({ path, before, after });
}

function compareObjects(path: string, before: JsonObject, after: JsonObject, found: Difference[]): void {
  for (const name of new Set([...Object.keys(before), ...Object.keys(after)]))
    compare(memberPath(path, name), ownMember(before, name), ownMember(after, name), found);
}

function compareLists(
  path: string,
  before: readonly Json[],
  after: readonly Json[],
  found: Difference[],
): void {
  const shorter = Math.min(before.length, after.length);
  let start = 0;
  while (start < shorter && sameAt(before[start], after[start])) start++;
  let end = 0;
  while (end < shorter - start && sameAt(before.at(-1 - end), after.at(-1 - end))) end++;
  const longer = Math.max(before.length, after.length);
  for (let index = start; index < longer - end; index++)
    compare(
      `${path}[${index}]`,
      index < before.length - end ? before[index] : undefined,
      index < after.length - end ? after[index] : undefined,
      found,
    );
}

function memberPath(path: string, name: string): string {
  if (!PLAIN_NAME.test(name)) return `${path}[${JSON.stringify(name)}]`;
  return path === '' ? name : `${path}.${name}`;
}

/** Objects may have members that are named as what every object inherits. */
function ownMember(object: JsonObject, name: string): Json | undefined {
  return Object.hasOwn(object, name) ? object[name] : undefined;
}

/** `Array.isArray` does not know that a readonly list is one. */
function isList(json: Json): json is readonly Json[] {
  return Array.isArray(json);
}

function isObject(json: Json): json is JsonObject {
  return typeof json === 'object' && json !== null && !isList(json);
}

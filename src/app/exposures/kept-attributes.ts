import type { Json, JsonObject } from '../../core/model.ts';

const LONGEST_TEXT = 1_024;
const MOST_PARTS = 50;
const DEEPEST = 5;

/**
 * Those of the attributes that may be kept; undefined if there are none. What is long, deep or of many parts is no
 * attribute that anybody groups people by, and is left out.
 */
export function keptAttributes(attributes: JsonObject, names: readonly string[]): JsonObject | undefined {
  let kept: Record<string, Json> | undefined;
  for (const name of names) {
    if (!Object.hasOwn(attributes, name)) continue;
    const value = attributes[name];
    if (value === undefined || partsOf(value, DEEPEST) > MOST_PARTS) continue;
    kept ??= Object.create(null) as Record<string, Json>;
    kept[name] = value;
  }
  return kept;
}

/** How many values there are in it; no more than needed to see that it is too many. */
function partsOf(value: Json, depth: number): number {
  if (typeof value === 'string') return 1 + Math.floor(value.length / (LONGEST_TEXT / MOST_PARTS));
  if (typeof value !== 'object' || value === null) return 1;
  if (depth === 0) return Number.POSITIVE_INFINITY;
  let parts = 1;
  for (const [name, inner] of Object.entries(value)) {
    parts += partsOf(name, 0) + partsOf(inner as Json, depth - 1);
    if (parts > MOST_PARTS) break;
  }
  return parts;
}

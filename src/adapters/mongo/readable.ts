import { canonicalJson } from '../../core/canonical-json.ts';

/** MongoDB holds up to 100 levels; some of them are around this. */
const MAX_DEPTH = 50;

/**
 * A copy of a JSON value that looks like one in MongoDB's own shell. Whatever part MongoDB could not hold as it is, for
 * the names of its members or its depth, is there as text. For people only: nothing reads it back.
 */
export function readable(value: unknown, depth = 0): unknown {
  if (typeof value !== 'object' || value === null) return value;
  if (depth === MAX_DEPTH) return canonicalJson(value);
  if (Array.isArray(value)) return value.map((item) => readable(item, depth + 1));
  const members = Object.entries(value).filter(([, member]) => member !== undefined);
  if (!members.every(([name]) => isFieldName(name))) return canonicalJson(value);
  return Object.fromEntries(members.map(([name, member]) => [name, readable(member, depth + 1)]));
}

function isFieldName(name: string): boolean {
  return name !== '' && name !== '__proto__' && !name.startsWith('$') && !/[.\0]/.test(name);
}

import { FlagError } from './errors.ts';

/** How deep arrays and objects may be nested in what is written. */
export const MAX_JSON_DEPTH = 500;

/**
 * The one JSON text of a value: no spaces, own enumerable members in code point order of their names, those that
 * are undefined left out, -0 as 0. Equal values give equal texts, so hashes can be taken of it. Rejects as `invalid`
 * what JSON cannot say: numbers that are not finite, undefined in an array, functions, instances of classes, and
 * nesting beyond `MAX_JSON_DEPTH`.
 */
export function canonicalJson(value: unknown): string {
  return textOf(value, 0);
}

/** Negative, zero or positive as `a` comes before, equals or comes after `b` in code point order. */
export function compareCodePoints(a: string, b: string): number {
  const shared = Math.min(a.length, b.length);
  for (let index = 0; index < shared; index++) {
    const left = a.charCodeAt(index);
    const right = b.charCodeAt(index);
    if (left !== right) return rank(left) - rank(right);
  }
  return a.length - b.length;
}

// In UTF-16 surrogates sort before U+E000–U+FFFF, yet stand for code points above all of those.
function rank(unit: number): number {
  if (unit < 0xd800) return unit;
  return unit < 0xe000 ? unit + 0x2000 : unit - 0x800;
}

function textOf(value: unknown, depth: number): string {
  switch (typeof value) {
    case 'string':
    case 'boolean':
      return JSON.stringify(value);
    case 'number':
      if (!Number.isFinite(value)) throw refused(`the number ${value}`);
      return JSON.stringify(value);
    case 'object':
      if (value === null) return 'null';
      if (depth === MAX_JSON_DEPTH) throw refused(`nesting deeper than ${MAX_JSON_DEPTH}`);
      return Array.isArray(value) ? arrayText(value, depth + 1) : objectText(value, depth + 1);
    default:
      throw refused(`a value of type ${typeof value}`);
  }
}

function arrayText(items: readonly unknown[], depth: number): string {
  let text = '';
  for (const item of items) text += `${text === '' ? '' : ','}${textOf(item, depth)}`;
  return `[${text}]`;
}

function objectText(object: object, depth: number): string {
  const prototype: unknown = Object.getPrototypeOf(object);
  if (prototype !== Object.prototype && prototype !== null) throw refused('an instance of a class');
  const members: [string, unknown][] = Object.entries(object);
  let text = '';
  for (const [name, value] of members.sort(([a], [b]) => compareCodePoints(a, b))) {
    if (value !== undefined)
      text += `${text === '' ? '' : ','}${JSON.stringify(name)}:${textOf(value, depth)}`;
  }
  return `{${text}}`;
}

function refused(what: string): FlagError {
  return new FlagError('invalid', `JSON cannot hold ${what}`);
}

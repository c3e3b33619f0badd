import type { JsonValue } from '@bufbuild/protobuf';
import { UsageError } from '../usage-error.ts';

export type ValueType = 'boolean' | 'string' | 'number' | 'json';

/** JSON where it is JSON, else the text itself: `42` is a number, `"42"` and `pro` are strings. */
export function parseLoose(text: string): JsonValue {
  return tryJson(text) ?? text;
}

/** A value of a flag of this type. A string needs no quotes, but may have them. */
export function parseTyped(type: ValueType, text: string): JsonValue {
  const json = tryJson(text);
  switch (type) {
    case 'string':
      return typeof json === 'string' ? json : text;
    case 'boolean':
      if (typeof json === 'boolean') return json;
      throw new UsageError(`"${text}" is neither true nor false`);
    case 'number':
      if (typeof json === 'number') return json;
      throw new UsageError(`"${text}" is not a number`);
    case 'json':
      if (typeof json === 'object') return json;
      throw new UsageError(`"${text}" is neither a JSON object nor a JSON list`);
  }
}

/** Splits `name=value` at the first equals sign. */
export function parsePair(text: string, what: string): readonly [name: string, value: string] {
  const at = text.indexOf('=');
  if (at <= 0) throw new UsageError(`"${text}": ${what}`);
  return [text.slice(0, at), text.slice(at + 1)];
}

/** `undefined` for anything that is not JSON, and for `null`, which no flag or attribute can hold. */
function tryJson(text: string): Exclude<JsonValue, null> | undefined {
  try {
    const json: JsonValue = JSON.parse(text);
    return json ?? undefined;
  } catch {
    return undefined;
  }
}

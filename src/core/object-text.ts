import type { ObjectState } from './change.ts';

/** The object in a text that `canonicalJson` made; undefined if it is not one of that kind. Its state is not looked at. */
export function readObject(text: string, kind: string): ObjectState | undefined {
  try {
    const object: unknown = JSON.parse(text);
    return isObjectOf(object, kind) ? object : undefined;
  } catch {
    return undefined;
  }
}

function isObjectOf(value: unknown, kind: string): value is ObjectState {
  return (
    typeof value === 'object' &&
    value !== null &&
    'kind' in value &&
    value.kind === kind &&
    'state' in value &&
    typeof value.state === 'object'
  );
}

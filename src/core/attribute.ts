import type { Json, JsonObject } from './model.ts';
import type { Closure } from './probe.ts';

/** Flags ask for the same few attributes: shared readers stay in the processor's cache. */
const readers = new Map<string, Closure<Json | undefined>>();
const MAX_READERS = 1_000;

/**
 * Reads an attribute: the literal name first, then as a dotted path into nested objects. `targeting_key` and
 * `targetingKey` name the targeting key unless an attribute has that name. Null and missing are undefined.
 */
export function attributeReader(name: string): Closure<Json | undefined> {
  const known = readers.get(name);
  if (known !== undefined) return known;
  const reader = makeReader(name);
  if (readers.size < MAX_READERS) readers.set(name, reader);
  return reader;
}

/**
 * Reads what buckets are computed from: a string as it is, a number or boolean as its JSON text. Empty when there
 * is nothing to compute one from.
 */
export function bucketingReader(bucketBy: string | undefined): Closure<string> {
  if (bucketBy === undefined || bucketBy === '') return readTargetingKey;
  const read = attributeReader(bucketBy);
  return (evaluation) => {
    const value = read(evaluation);
    if (typeof value === 'string') return value;
    return typeof value === 'boolean' || Number.isFinite(value) ? String(value) : '';
  };
}

/**
 * Whether `attributes[name]` is all there is to an attribute. What no object inherits needs no look at whether it is
 * inherited, which takes longer than all the rest.
 */
export function isPlain(name: string): boolean {
  return (
    !name.includes('.') && !(name in Object.prototype) && name !== 'targeting_key' && name !== 'targetingKey'
  );
}

function makeReader(name: string): Closure<Json | undefined> {
  if (isPlain(name)) return (evaluation) => evaluation.context.attributes[name] ?? undefined;
  if (name === 'targeting_key' || name === 'targetingKey') {
    return (evaluation) => {
      const { attributes, targetingKey } = evaluation.context;
      return own(attributes, name) ?? (targetingKey === '' ? undefined : targetingKey);
    };
  }
  if (!name.includes('.')) return (evaluation) => own(evaluation.context.attributes, name);
  const names = name.split('.');
  return (evaluation) => {
    const { attributes } = evaluation.context;
    return attributes[name] ?? nested(attributes, names);
  };
}

const readTargetingKey: Closure<string> = (evaluation) => evaluation.context.targetingKey;

function own(object: JsonObject, name: string): Json | undefined {
  return Object.hasOwn(object, name) ? (object[name] ?? undefined) : undefined;
}

function nested(object: JsonObject, names: readonly string[]): Json | undefined {
  let value: Json | undefined = object;
  for (const name of names) {
    if (!isObject(value)) return undefined;
    value = own(value, name);
  }
  return value;
}

function isObject(value: Json | undefined): value is JsonObject {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

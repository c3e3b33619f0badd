import { create, type JsonObject, type JsonValue } from '@bufbuild/protobuf';
import { type Context, ContextSchema } from '../../../gen/vexil/v1/evaluation_pb.ts';
import { UsageError } from '../usage-error.ts';
import { parseLoose, parsePair } from './value.ts';

export interface ContextOptions {
  /** The targeting key. */
  readonly key?: string;
  /** `name=value`, one attribute each. */
  readonly attr?: readonly string[];
}

/**
 * Whom to evaluate for: what a file says, then the options on top. The file holds either a targeting key and
 * `attributes`, or, as in OpenFeature, a targeting key with the attributes beside it.
 */
export function parseContext(options: ContextOptions, file: JsonValue | undefined): Context {
  const base = file === undefined ? { targetingKey: '', attributes: {} } : contextOfFile(file);
  const given = (options.attr ?? []).map((text): [string, JsonValue] => {
    const [name, value] = parsePair(text, 'an attribute is given as name=value');
    return [name, parseLoose(value)];
  });
  return create(ContextSchema, {
    targetingKey: options.key ?? base.targetingKey,
    attributes: Object.fromEntries([...Object.entries(base.attributes), ...given]),
  });
}

function contextOfFile(file: JsonValue): { targetingKey: string; attributes: JsonObject } {
  if (!isObject(file)) throw new UsageError('a context is an object');
  const { targetingKey, targeting_key, attributes, ...rest } = file;
  const key = targetingKey ?? targeting_key ?? '';
  if (typeof key !== 'string') throw new UsageError('the targeting key of a context is a string');
  if (isObject(attributes)) return { targetingKey: key, attributes };
  return { targetingKey: key, attributes: attributes === undefined ? rest : { ...rest, attributes } };
}

function isObject(value: JsonValue | undefined): value is JsonObject {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

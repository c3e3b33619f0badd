import { type DescField, type DescMessage, isFieldSet, type MessageShape } from '@bufbuild/protobuf';
import type { FieldMask } from '@bufbuild/protobuf/wkt';
import { invalid } from '../core/errors.ts';

const OUTPUT_ONLY = /^(name|key|id|etag|version|revision|.*_time)$/;

/**
 * The fields (in snake_case) that an update replaces: those of the mask, every allowed one for `*`, and without
 * a mask those that are set in the message. Throws `invalid` about `update_mask` for any that is not allowed;
 * without a mask, what only the service sets may be sent back as it came and is left alone.
 */
export function maskedPaths<Desc extends DescMessage>(
  schema: Desc,
  message: MessageShape<Desc>,
  mask: FieldMask | undefined,
  allowed: readonly string[],
): ReadonlySet<string> {
  const paths = mask?.paths ?? [];
  if (paths.length === 1 && paths[0] === '*') return new Set(allowed);
  const named = paths.length > 0 ? paths : populated(schema, message, allowed);
  for (const path of named) if (!allowed.includes(path)) throw refusal(schema, path);
  return new Set(named);
}

function populated<Desc extends DescMessage>(
  schema: Desc,
  message: MessageShape<Desc>,
  allowed: readonly string[],
): string[] {
  const isSet = (field: DescField) => isFieldSet(message, field);
  return schema.fields
    .filter(isSet)
    .map((field) => field.name)
    .filter((name) => allowed.includes(name) || !OUTPUT_ONLY.test(name));
}

function refusal(schema: DescMessage, path: string): Error {
  const known = schema.fields.some((field) => field.name === path);
  const message = known
    ? `${path} cannot be changed by an update`
    : `${path} is not a field of ${schema.name}`;
  return invalid([{ path: 'update_mask', message }]);
}

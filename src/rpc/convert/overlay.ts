import { clone, type DescMessage, type MessageShape } from '@bufbuild/protobuf';
import { reflect } from '@bufbuild/protobuf/reflect';

/** A copy of `stored` with the fields of these paths (in snake_case) as they are in `sent`, set or not, and its unknown ones. */
export function overlay<Desc extends DescMessage>(
  schema: Desc,
  stored: MessageShape<Desc>,
  sent: MessageShape<Desc>,
  paths: ReadonlySet<string>,
): MessageShape<Desc> {
  const result = clone(schema, stored);
  const target = reflect(schema, result);
  const source = reflect(schema, clone(schema, sent));
  for (const field of schema.fields) {
    if (!paths.has(field.name)) continue;
    if (source.isSet(field)) target.set(field, source.get(field));
    else target.clear(field);
  }
  target.setUnknown(source.getUnknown() ?? []);
  return result;
}

import { create, type JsonObject as PlainObject, type JsonValue as PlainValue } from '@bufbuild/protobuf';
import { ListValueSchema, NullValue, StructSchema, type Value, ValueSchema } from '@bufbuild/protobuf/wkt';
import type { Json, JsonObject } from '../../core/model.ts';
import { type Mistakes, NESTING, readFinite, under } from './reading.ts';

/** A JSON value as a message. */
export function valueMessage(json: Json): Value {
  return create(ValueSchema, { kind: kindOf(json) });
}

function kindOf(json: Json): Value['kind'] {
  if (json === null) return { case: 'nullValue', value: NullValue.NULL_VALUE };
  switch (typeof json) {
    case 'boolean':
      return { case: 'boolValue', value: json };
    case 'number':
      return { case: 'numberValue', value: json };
    case 'string':
      return { case: 'stringValue', value: json };
    case 'object':
      if (isList(json)) {
        const values = json.map(valueMessage);
        return { case: 'listValue', value: create(ListValueSchema, { values }) };
      }
      return { case: 'structValue', value: structMessage(json) };
  }
}

function structMessage(json: JsonObject) {
  const struct = create(StructSchema);
  struct.fields = Object.fromEntries(Object.entries(json).map(([name, item]) => [name, valueMessage(item)]));
  return struct;
}

/** A copy for a field of the type Struct, which generated code holds as an object, with lists that may be changed. */
export function structObject(json: JsonObject): PlainObject {
  return Object.fromEntries(Object.entries(json).map(([name, item]) => [name, plainCopy(item)]));
}

function plainCopy(json: Json): PlainValue {
  if (typeof json !== 'object' || json === null) return json;
  return isList(json) ? json.map(plainCopy) : structObject(json);
}

/** Reads a value; an absent one, or one that JSON cannot say, is a mistake. */
export function readJson(value: Value | undefined, path: string, mistakes: Mistakes, depth = 0): Json {
  if (depth > NESTING) {
    mistakes.push(tooDeep(path));
    return null;
  }
  switch (value?.kind.case) {
    case 'nullValue':
      return null;
    case 'boolValue':
    case 'stringValue':
      return value.kind.value;
    case 'numberValue':
      return readFinite(value.kind.value, path, mistakes);
    case 'listValue':
      return value.kind.value.values.map((item, index) =>
        readJson(item, `${path}[${index}]`, mistakes, depth + 1),
      );
    case 'structValue':
      return Object.fromEntries(
        Object.entries(value.kind.value.fields).map(([name, item]) => [
          name,
          readJson(item, under(path, name), mistakes, depth + 1),
        ]),
      );
    case undefined:
      mistakes.push({ path, message: 'is required' });
      return null;
  }
}

/** A Struct, which generated code hands over as an object already, provided that JSON can say it. */
export function readJsonObject(object: JsonObject, path: string, mistakes: Mistakes): JsonObject {
  noteUnsayable(object, path, mistakes, 0);
  return object;
}

/** Whether JSON can say it, nested so deep in what is read: whether `readJsonObject` notes no mistake. */
export function isSayable(json: Json, depth: number): boolean {
  if (depth > NESTING) return false;
  if (typeof json === 'number') return Number.isFinite(json);
  if (typeof json !== 'object' || json === null) return true;
  for (const item of Object.values<Json>(json)) if (!isSayable(item, depth + 1)) return false;
  return true;
}

function noteUnsayable(json: Json, path: string, mistakes: Mistakes, depth: number): void {
  if (depth > NESTING) mistakes.push(tooDeep(path));
  else if (typeof json === 'number') readFinite(json, path, mistakes);
  else if (typeof json === 'object' && json !== null)
    for (const [name, item] of Object.entries(json))
      noteUnsayable(item, isList(json) ? `${path}[${name}]` : under(path, name), mistakes, depth + 1);
}

function tooDeep(path: string) {
  return { path, message: `is nested deeper than ${NESTING} levels` };
}

/** `Array.isArray` does not know that a readonly list is one. */
function isList(json: Json): json is readonly Json[] {
  return Array.isArray(json);
}

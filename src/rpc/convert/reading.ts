import type { DescMessage, MessageShape } from '@bufbuild/protobuf';
import { isReflectMessage, type ReflectMessage, reflect } from '@bufbuild/protobuf/reflect';
import type { Timestamp } from '@bufbuild/protobuf/wkt';
import { invalid, type Violation } from '../../core/errors.ts';
import type { Instant } from '../../core/model.ts';

/**
 * How messages are read. A `read…` function notes what is wrong in `mistakes`, under the path of the field in the
 * request, and goes on with a stand-in, so that a sender hears of everything at once. `reading` throws the
 * mistakes, so nobody outside ever gets to see a stand-in.
 */
export type Mistakes = Violation[];

/** How deep conditions and values may nest here: what a protobuf parser still reads in every message of the API. */
export const NESTING = 32;

const MISTAKES_TOLD = 100;
const EARLIEST_SECOND = -62_135_596_800n;
const LATEST_SECOND = 253_402_300_799n;

/** What `read` makes of the message; throws `invalid` if it notes a mistake or the message has unknown fields. */
export function reading<Desc extends DescMessage, T>(
  schema: Desc,
  message: MessageShape<Desc>,
  path: string,
  read: (message: MessageShape<Desc>, path: string, mistakes: Mistakes) => T,
): T {
  const mistakes: Mistakes = [];
  noteUnknownFields(reflect(schema, message), path, mistakes);
  const result = read(message, path, mistakes);
  throwAny(mistakes);
  return result;
}

/** Throws `invalid` with the mistakes, if there are any. */
export function throwAny(mistakes: Mistakes): void {
  if (mistakes.length > 0) throw invalid(mistakes.slice(0, MISTAKES_TOLD));
}

/** The message, if it was sent at all; throws `invalid` if not. */
export function present<T>(message: T | undefined, path: string): T {
  if (message === undefined) throw invalid([{ path, message: 'is required' }]);
  return message;
}

/** The path of a field of the message at this path. */
export function under(path: string, field: string): string {
  return path === '' ? field : `${path}.${field}`;
}

/** Absent is fine; a time that RFC 3339 cannot say is not. Anything below a millisecond is cut off. */
export function readInstant(
  time: Timestamp | undefined,
  path: string,
  mistakes: Mistakes,
): Instant | undefined {
  if (time === undefined) return undefined;
  const { seconds, nanos } = time;
  if (seconds < EARLIEST_SECOND || seconds > LATEST_SECOND || nanos < 0 || nanos > 999_999_999) {
    mistakes.push({ path, message: 'must be between the years 1 and 9999, with 0 to 999999999 nanoseconds' });
    return undefined;
  }
  return new Date(Number(seconds) * 1000 + Math.trunc(nanos / 1_000_000)).toISOString();
}

/** As `readInstant`, and absent is a mistake. */
export function readRequiredInstant(time: Timestamp | undefined, path: string, mistakes: Mistakes): Instant {
  if (time === undefined) mistakes.push({ path, message: 'is required' });
  return readInstant(time, path, mistakes) ?? '';
}

export function readFinite(value: number, path: string, mistakes: Mistakes): number {
  if (!Number.isFinite(value)) mistakes.push({ path, message: 'must be a finite number' });
  return value;
}

/** The enum's name; unspecified and numbers of a newer build are mistakes. */
export function readEnum<Name>(
  name: Name | undefined,
  wire: number,
  standIn: Name,
  path: string,
  mistakes: Mistakes,
): Name {
  if (name !== undefined) return name;
  mistakes.push({ path, message: wire === 0 ? 'is required' : `has the unknown value ${wire}` });
  return standIn;
}

function noteUnknownFields(message: ReflectMessage, path: string, mistakes: Mistakes): void {
  for (const { no } of message.getUnknown() ?? [])
    mistakes.push({ path, message: `has a field that this version does not know, with the number ${no}` });
  for (const field of message.fields) {
    if (field.message === undefined || !isOurs(field.message) || !message.isSet(field)) continue;
    const place = under(path, field.name);
    if (field.fieldKind === 'message') noteUnknownFields(message.get(field), place, mistakes);
    else if (field.fieldKind === 'list')
      for (const [index, item] of [...message.get(field)].entries())
        if (isReflectMessage(item)) noteUnknownFields(item, `${place}[${index}]`, mistakes);
  }
}

function isOurs(message: DescMessage): boolean {
  return message.typeName.startsWith('vexil.');
}

import { STATIC_TABLE } from './static-table.ts';

/** The header block of an answer: its status, and any fields. */
export function headerBlock(status: number, fields: Iterable<readonly [string, string]>): Uint8Array {
  return Buffer.concat([encoded(':status', String(status)), trailerBlock(fields)]);
}

/**
 * A block of fields that needs no dynamic table, so that it is the same on all connections, and can be kept. Characters
 * beyond Latin-1 become question marks.
 */
export function trailerBlock(fields: Iterable<readonly [string, string]>): Uint8Array {
  return Buffer.concat(Array.from(fields, ([name, value]) => encoded(name.toLowerCase(), value)));
}

/** Literals are marked as such that no proxy may keep either: they are not worth a place in anybody's table. */
function encoded(name: string, value: string): Buffer {
  const whole = STATIC_TABLE.findIndex((entry) => entry.name === name && entry.value === value);
  if (whole >= 0 && value !== '') return integer(0x80, 0x7f, whole + 1);
  const known = STATIC_TABLE.findIndex((entry) => entry.name === name) + 1;
  return Buffer.concat([integer(0, 0x0f, known), ...(known === 0 ? [string(name)] : []), string(value)]);
}

function string(text: string): Buffer {
  const bytes = Buffer.from(text.replaceAll(/[\u0100-\uffff]/g, '?'), 'latin1');
  return Buffer.concat([integer(0, 0x7f, bytes.length), bytes]);
}

function integer(pattern: number, mask: number, value: number): Buffer {
  if (value < mask) return Buffer.of(pattern | value);
  const bytes = [pattern | mask];
  let rest = value - mask;
  for (; rest >= 128; rest = Math.floor(rest / 128)) bytes.push((rest % 128) | 0x80);
  return Buffer.from([...bytes, rest]);
}

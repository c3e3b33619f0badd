import { unreadable } from './batch-fields.ts';

/**
 * A row of a batch: milliseconds since the row before (the first: since the hour began; may be negative), kind, subject,
 * and what was answered: an outcome from 0 up, or from -1 down a pick.
 */
export type Row = readonly [number, number, number, number];

/** What a row takes at most. */
export const ROW_BYTES = 20;

/** Returns where the next byte goes. All are whole, and of 31 bits at most. */
export function writeRow(
  bytes: Uint8Array,
  start: number,
  sinceLast: number,
  kind: number,
  subject: number,
  what: number,
): number {
  let at = writeVarint(bytes, start, (sinceLast << 1) ^ (sinceLast >> 31));
  at = writeVarint(bytes, at, kind);
  at = writeVarint(bytes, at, subject);
  return writeVarint(bytes, at, (what << 1) ^ (what >> 31));
}

/** Rows as text: their numbers as varints, the first and the last of each in zigzag, in base64. */
export function rowsText(bytes: Uint8Array): string {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length).toString('base64');
}

/** Throws `invalid` if it is not rows, or more than so many. */
export function rowsIn(text: string, most: number): readonly Row[] {
  const bytes = Buffer.from(text, 'base64');
  const rows: Row[] = [];
  let at = 0;
  const next = (): number => {
    let value = 0;
    for (let shift = 0; shift < 32; shift += 7) {
      const byte = bytes[at++];
      if (byte === undefined) throw unreadable('half of a row');
      value |= (byte & 0x7f) << shift;
      if (byte < 0x80) return value >>> 0;
    }
    throw unreadable('a number of a row is too large');
  };
  while (at < bytes.length) {
    if (rows.length === most) throw unreadable('there are too many rows');
    rows.push([signed(next()), next(), next(), signed(next())]);
  }
  return rows;
}

function signed(value: number): number {
  return (value >>> 1) ^ -(value & 1);
}

function writeVarint(bytes: Uint8Array, start: number, value: number): number {
  let at = start;
  let rest = value >>> 0;
  while (rest > 0x7f) {
    bytes[at++] = (rest & 0x7f) | 0x80;
    rest >>>= 7;
  }
  bytes[at] = rest;
  return at + 1;
}

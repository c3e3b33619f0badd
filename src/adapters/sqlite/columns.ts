import type { SQLOutputValue } from 'node:sqlite';
import { FlagError } from '../../core/errors.ts';

export type Row = Readonly<Record<string, SQLOutputValue>>;

/** The text in a column; rejects the row as damaged if there is none. */
export function textOf(row: Row, column: string): string {
  const value = row[column];
  if (typeof value !== 'string') throw damagedColumn(column);
  return value;
}

/** The number in a column; rejects the row as damaged if there is none. */
export function numberOf(row: Row, column: string): number {
  const value = row[column];
  if (typeof value !== 'number') throw damagedColumn(column);
  return value;
}

/** The number in a column; undefined if it is NULL. */
export function optionalNumberOf(row: Row, column: string): number | undefined {
  return row[column] === null ? undefined : numberOf(row, column);
}

/** The bytes in a column; rejects the row as damaged if there are none. */
export function bytesOf(row: Row, column: string): Uint8Array {
  const value = row[column];
  if (!(value instanceof Uint8Array)) throw damagedColumn(column);
  return value;
}

function damagedColumn(column: string): FlagError {
  return new FlagError('unavailable', `the store is damaged: bad column ${column}`, {
    reason: 'STORE_DAMAGED',
  });
}

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

function damagedColumn(column: string): FlagError {
  return new FlagError('unavailable', `the store is damaged: bad column ${column}`, {
    reason: 'STORE_DAMAGED',
  });
}

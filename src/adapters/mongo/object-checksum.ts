import { hash } from 'node:crypto';
import { setImmediate as nextTurn } from 'node:timers/promises';
import type { Row } from './object-row.ts';

/**
 * A checksum of a set of rows that follows every insert and delete without reading the others: the exclusive or of
 * the rows' SHA-256 digests, in hexadecimal. It finds damage, not forgery.
 */
export const EMPTY_CHECKSUM = '0'.repeat(64);

/** What is summed up at a time before the event loop gets its turn. */
const TURN_ROWS = 200;

/** The checksum once a row has come into the set, or has gone from it. */
export function toggled(checksum: string, { kind, environment, key, version, json }: Row): string {
  const digest = hash('sha256', JSON.stringify([kind, environment, key, version, json]), 'buffer');
  const sum = Buffer.from(checksum, 'hex');
  for (let index = 0; index < sum.length; index++) sum[index] = (sum[index] ?? 0) ^ (digest[index] ?? 0);
  return sum.toString('hex');
}

export async function checksumOf(rows: readonly Row[]): Promise<string> {
  let checksum = EMPTY_CHECKSUM;
  for (const [index, row] of rows.entries()) {
    checksum = toggled(checksum, row);
    if (index % TURN_ROWS === TURN_ROWS - 1) await nextTurn();
  }
  return checksum;
}

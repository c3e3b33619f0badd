import { hash } from 'node:crypto';
import type { Row } from './object-row.ts';

/**
 * A checksum of a set of rows that follows every insert and delete without reading the others: the exclusive or of
 * the rows' SHA-256 digests, in hexadecimal. It finds damage, not forgery.
 */
export const EMPTY_CHECKSUM = '0'.repeat(64);

/** The checksum once a row has come into the set, or has gone from it. */
export function toggled(checksum: string, { kind, environment, key, version, json }: Row): string {
  const digest = hash('sha256', JSON.stringify([kind, environment, key, version, json]), 'buffer');
  const sum = Buffer.from(checksum, 'hex');
  for (let index = 0; index < sum.length; index++) sum[index] = (sum[index] ?? 0) ^ (digest[index] ?? 0);
  return sum.toString('hex');
}

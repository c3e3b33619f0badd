import { hash } from 'node:crypto';
import type { NotedPosition } from '../../ports/projection.ts';
import { numberOf, type Row, textOf } from './columns.ts';

/**
 * A checksum of a set of rows that follows every insert and delete without reading the others: the exclusive or of
 * the rows' SHA-256 digests, in hexadecimal. It finds damage, not forgery.
 */
export const EMPTY_CHECKSUM = '0'.repeat(64);

/** The checksum once the row of that digest has come into the set, or has gone from it. */
export function toggled(checksum: string, digest: Buffer): string {
  const sum = Buffer.from(checksum, 'hex');
  for (let index = 0; index < sum.length; index++) sum[index] = (sum[index] ?? 0) ^ (digest[index] ?? 0);
  return sum.toString('hex');
}

/** Of everything in a row of an object. */
export function digestOf(row: Row): Buffer {
  const parts = [
    textOf(row, 'kind'),
    textOf(row, 'environment'),
    textOf(row, 'key'),
    numberOf(row, 'version'),
    textOf(row, 'body'),
  ];
  return hash('sha256', JSON.stringify(parts), 'buffer');
}

/** Of where a project stands, and of what is noted there. */
export function digestOfPosition(
  project: string,
  { revision, hash: head, note }: Required<NotedPosition>,
): Buffer {
  return hash('sha256', JSON.stringify([project, revision, head, note]), 'buffer');
}

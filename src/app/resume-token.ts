import { createHash, createHmac, timingSafeEqual } from 'node:crypto';
import { FlagError } from '../core/errors.ts';

/** Where a watcher is: what it has seen, of which history, through which view. */
export interface ResumePoint {
  readonly revision: number;
  /** Epoch milliseconds: schedule steps up to then are seen. */
  readonly seenAt: number;
  /** The first half of the revision's hash, in hexadecimal. */
  readonly hash: string;
}

const VERSION = 1;
const BODY = 1 + 8 + 8 + 16 + 16;
const MAC = 16;

/** The part of a revision's hash that a token carries. */
export function shortHash(hash: string): string {
  return hash.slice(0, 32).padEnd(32, '0');
}

/** Names everything about a watch that must be the same when it is resumed. */
export function scopeDigest(parts: readonly string[]): Buffer {
  const hash = createHash('sha256');
  for (const part of parts) hash.update(`${Buffer.byteLength(part)}:`).update(part);
  return hash.digest().subarray(0, 16);
}

/**
 * A token that any replica can read at any later time. `genesis` is the hash of the project's first change: a seal
 * against accidents and other projects' tokens, not a secret, for a token gives no right that its key does not.
 */
export function writeToken(genesis: string, scope: Buffer, point: ResumePoint): string {
  const body = Buffer.alloc(BODY);
  body.writeUInt8(VERSION, 0);
  body.writeBigUInt64BE(BigInt(point.revision), 1);
  body.writeBigUInt64BE(BigInt(Math.floor(point.seenAt)), 9);
  body.write(point.hash, 17, 16, 'hex');
  scope.copy(body, 33);
  return Buffer.concat([body, mac(genesis, body)]).toString('base64url');
}

/** Rejects with `invalid` for a token that is damaged or of another project, environment, view or filter. */
export function readToken(genesis: string, scope: Buffer, token: string): ResumePoint {
  const bytes = Buffer.from(token, 'base64url');
  const body = bytes.subarray(0, BODY);
  const intact =
    bytes.length === BODY + MAC &&
    bytes.toString('base64url') === token &&
    body.readUInt8(0) === VERSION &&
    timingSafeEqual(bytes.subarray(BODY), mac(genesis, body));
  if (!intact || !body.subarray(33).equals(scope))
    throw new FlagError('invalid', 'resume_token: is not of this environment, view and filter', {
      reason: 'RESUME_TOKEN_INVALID',
      violations: [{ path: 'resume_token', message: 'is not of this environment, view and filter' }],
    });
  return {
    revision: Number(body.readBigUInt64BE(1)),
    seenAt: Number(body.readBigUInt64BE(9)),
    hash: body.subarray(17, 33).toString('hex'),
  };
}

function mac(genesis: string, body: Buffer): Buffer {
  return createHmac('sha256', genesis).update(body).digest().subarray(0, MAC);
}

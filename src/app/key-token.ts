import { hash } from 'node:crypto';
import { crc32 } from 'node:zlib';
import type { KeyKind } from '../core/model.ts';

/**
 * What a caller presents: `vx_<kind>_<id>_<secret><checksum>`. The checksum is over all that precedes it, so that
 * a mistyped token is refused without a look-up and a scanner for leaked secrets can tell one for sure.
 */

const ALPHABET = '0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz';
const ID_LENGTH = 16;
const SECRET_LENGTH = 43;
const SECRET_BYTES = 32;
const CHECKSUM_LENGTH = 6;
const TOKEN = /^(vx_(server|web|admin)_([0-9A-Za-z]{16})_([0-9A-Za-z]{43}))([0-9A-Za-z]{6})$/;
const MAX_LENGTH = 'vx_server_'.length + ID_LENGTH + 1 + SECRET_LENGTH + CHECKSUM_LENGTH;
const KINDS: readonly KeyKind[] = ['server', 'web', 'admin'];

/** Must return that many unpredictable bytes. */
export type RandomBytes = (size: number) => Uint8Array;

/** A new token with a secret of 256 bits. */
export function mintToken(kind: KeyKind, random: RandomBytes): { token: string; id: string; secret: string } {
  const id = base62(random(SECRET_BYTES), ID_LENGTH);
  const secret = base62(random(SECRET_BYTES), SECRET_LENGTH);
  const body = `vx_${kind}_${id}_${secret}`;
  return { token: body + checksumOf(body), id, secret };
}

export interface ParsedToken {
  readonly kind: KeyKind;
  readonly id: string;
  readonly secret: string;
}

/** The parts of a token; undefined for any text that is none. Never throws. */
export function parseToken(text: string): ParsedToken | undefined {
  if (text.length > MAX_LENGTH) return undefined;
  const [, body = '', kindText, id = '', secret = '', checksum] = TOKEN.exec(text) ?? [];
  const kind = KINDS.find((known) => known === kindText);
  return kind !== undefined && checksumOf(body) === checksum ? { kind, id, secret } : undefined;
}

/** Where a token would have the id of its key. Says nothing about whether the text is one. */
export function keyIdIn(text: string): string {
  const start = text.indexOf('_', 'vx_'.length) + 1;
  return text.slice(start, start + ID_LENGTH);
}

/** SHA-256 of pepper and secret, in hexadecimal. Fast is right here: nobody can guess 256 random bits. */
export function hashSecret(pepper: string, secret: string): string {
  return hash('sha256', pepper + secret, 'hex');
}

/** In plain numbers, for this is done at every call. */
function checksumOf(body: string): string {
  let rest = crc32(body);
  let digits = '';
  for (let index = 0; index < CHECKSUM_LENGTH; index++) {
    digits = ALPHABET.charAt(rest % 62) + digits;
    rest = Math.floor(rest / 62);
  }
  return digits;
}

/** The last `length` digits, with zeros in front of a short number. */
function base62(bytes: Uint8Array, length: number): string {
  let rest = bytes.reduce((value, byte) => value * 256n + BigInt(byte), 0n);
  let digits = '';
  for (let index = 0; index < length; index++) {
    digits = ALPHABET.charAt(Number(rest % 62n)) + digits;
    rest /= 62n;
  }
  return digits;
}

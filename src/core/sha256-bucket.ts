import { sha256 } from '@noble/hashes/sha2.js';
import { writeUtf8 } from './utf8.ts';

/** The first four bytes, big-endian, of SHA-256 over the UTF-8 of a text followed by a salt. */
export function sha256Hasher(salt: string): (text: string) => number {
  const saltBytes = new Uint8Array(salt.length * 3);
  const suffix = saltBytes.subarray(0, writeUtf8(salt, saltBytes, 0));
  return (text) => {
    const bytes = new Uint8Array(text.length * 3 + suffix.length);
    const end = writeUtf8(text, bytes, 0);
    bytes.set(suffix, end);
    const [a = 0, b = 0, c = 0, d = 0] = sha256(bytes.subarray(0, end + suffix.length));
    return ((a << 24) | (b << 16) | (c << 8) | d) >>> 0;
  };
}

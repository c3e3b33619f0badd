/**
 * UTF-8 of a string, a code point at a time and without a buffer. The bytes of one code point are packed into
 * an integer, the first byte lowest; a lone surrogate counts as U+FFFD.
 */

const REPLACEMENT = 0xfffd;

/** The code point that starts at this index. */
export function codePointAt(text: string, index: number): number {
  const unit = text.charCodeAt(index);
  if ((unit & 0xf800) !== 0xd800) return unit;
  if (unit >= 0xdc00) return REPLACEMENT;
  const next = text.charCodeAt(index + 1);
  return (next & 0xfc00) === 0xdc00 ? ((unit - 0xd800) << 10) + next - 0xdc00 + 0x10000 : REPLACEMENT;
}

/** How many bytes a code point takes. */
export function byteCount(codePoint: number): number {
  if (codePoint < 0x80) return 1;
  if (codePoint < 0x800) return 2;
  return codePoint < 0x10000 ? 3 : 4;
}

/** The bytes of a code point, the first one in the lowest eight bits. */
export function packedBytes(codePoint: number): number {
  if (codePoint < 0x80) return codePoint;
  const last = 0x80 | (codePoint & 0x3f);
  if (codePoint < 0x800) return 0xc0 | (codePoint >> 6) | (last << 8);
  const middle = 0x80 | ((codePoint >> 6) & 0x3f);
  if (codePoint < 0x10000) return 0xe0 | (codePoint >> 12) | (middle << 8) | (last << 16);
  const second = 0x80 | ((codePoint >> 12) & 0x3f);
  return 0xf0 | (codePoint >> 18) | (second << 8) | (middle << 16) | (last << 24);
}

/** Writes the text into the bytes and returns where it ended. There must be room for three bytes per code unit. */
export function writeUtf8(text: string, bytes: Uint8Array, start: number): number {
  let at = start;
  for (let index = 0; index < text.length; index++) {
    const codePoint = codePointAt(text, index);
    if (codePoint > 0xffff) index++;
    let packed = packedBytes(codePoint);
    for (let count = byteCount(codePoint); count > 0; count--) {
      bytes[at++] = packed & 0xff;
      packed >>>= 8;
    }
  }
  return at;
}

/** How many bytes the text takes. */
export function utf8Length(text: string): number {
  let length = 0;
  for (let index = 0; index < text.length; index++) {
    const codePoint = codePointAt(text, index);
    if (codePoint > 0xffff) index++;
    length += byteCount(codePoint);
  }
  return length;
}

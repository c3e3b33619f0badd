import { byteCount, codePointAt, packedBytes } from './utf8.ts';

const OFFSET_BASIS = 0x811c9dc5;
const PRIME = 0x01000193;

/** 32-bit FNV-1a over UTF-8, going on from a state (default: the start). Unsigned. */
export function fnv1a(text: string, state: number = OFFSET_BASIS): number {
  let hash = state;
  for (let index = 0; index < text.length; index++) {
    const unit = text.charCodeAt(index);
    if (unit < 0x80) {
      hash = Math.imul(hash ^ unit, PRIME);
      continue;
    }
    const codePoint = codePointAt(text, index);
    if (codePoint > 0xffff) index++;
    let packed = packedBytes(codePoint);
    for (let count = byteCount(codePoint); count > 0; count--) {
      hash = Math.imul(hash ^ (packed & 0xff), PRIME);
      packed >>>= 8;
    }
  }
  return hash >>> 0;
}

import { byteCount, codePointAt, packedBytes } from './utf8.ts';

/**
 * MurmurHash3 x86 32-bit, seed 0, over UTF-8. A prefix is absorbed once; what is left of it after whole blocks
 * (up to three bytes) waits in `tail` for the text that follows.
 */
export interface Murmur3State {
  readonly hash: number;
  readonly tail: number;
  readonly tailBits: number;
  readonly length: number;
}

const EMPTY: Murmur3State = { hash: 0, tail: 0, tailBits: 0, length: 0 };

/** The state after this prefix. */
export function absorb(prefix: string): Murmur3State {
  return feed(EMPTY, prefix, 0);
}

/** The unsigned hash of the prefix and the text together. */
export function murmur3(prefix: Murmur3State, text: string): number {
  const { tailBits } = prefix;
  const units = text.length;
  let hash = prefix.hash;
  let tail = prefix.tail;
  let index = 0;
  for (; index + 4 <= units; index += 4) {
    const a = text.charCodeAt(index);
    const b = text.charCodeAt(index + 1);
    const c = text.charCodeAt(index + 2);
    const d = text.charCodeAt(index + 3);
    if ((a | b | c | d) > 0x7f) break;
    const word = a | (b << 8) | (c << 16) | (d << 24);
    hash = mix(hash, tail | (word << tailBits));
    // A shift by 32 would be a shift by 0.
    tail = tailBits === 0 ? 0 : word >>> (32 - tailBits);
  }
  return finish(feed({ hash, tail, tailBits, length: prefix.length + index }, text, index));
}

/** The murmur3 finalizer: every input bit reaches every output bit. */
export function finalize32(value: number): number {
  let h = value;
  h = Math.imul(h ^ (h >>> 16), 0x85ebca6b);
  h = Math.imul(h ^ (h >>> 13), 0xc2b2ae35);
  return (h ^ (h >>> 16)) >>> 0;
}

function feed(state: Murmur3State, text: string, from: number): Murmur3State {
  let { hash, tail, tailBits, length } = state;
  for (let index = from; index < text.length; index++) {
    const codePoint = codePointAt(text, index);
    if (codePoint > 0xffff) index++;
    let packed = packedBytes(codePoint);
    for (let count = byteCount(codePoint); count > 0; count--) {
      tail |= (packed & 0xff) << tailBits;
      packed >>>= 8;
      tailBits += 8;
      length++;
      if (tailBits === 32) {
        hash = mix(hash, tail);
        tail = 0;
        tailBits = 0;
      }
    }
  }
  return { hash, tail, tailBits, length };
}

function finish(state: Murmur3State): number {
  const hash = state.tailBits === 0 ? state.hash : state.hash ^ scramble(state.tail);
  return finalize32(hash ^ state.length);
}

function mix(hash: number, block: number): number {
  const mixed = hash ^ scramble(block);
  return (Math.imul((mixed << 13) | (mixed >>> 19), 5) + 0xe6546b64) | 0;
}

function scramble(block: number): number {
  const product = Math.imul(block, 0xcc9e2d51);
  return Math.imul((product << 15) | (product >>> 17), 0x1b873593);
}

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
  return feed(EMPTY, prefix);
}

/** The unsigned hash of the prefix and the text together. */
export function murmur3(prefix: Murmur3State, text: string): number {
  const units = text.length;
  const { tailBits } = prefix;
  let { hash, tail } = prefix;
  let seen = 0;
  let index = 3;
  for (; index < units; index += 4) {
    const first = text.charCodeAt(index - 3);
    const second = text.charCodeAt(index - 2);
    const third = text.charCodeAt(index - 1);
    const fourth = text.charCodeAt(index);
    seen |= first | second | third | fourth;
    const word = first | (second << 8) | (third << 16) | (fourth << 24);
    hash = mix(hash, tail | (word << tailBits));
    tail = tailBits === 0 ? 0 : word >>> (32 - tailBits);
  }
  let bits = tailBits;
  for (index -= 3; index < units; index++) {
    const unit = text.charCodeAt(index);
    seen |= unit;
    tail |= unit << bits;
    bits += 8;
    if (bits === 32) {
      hash = mix(hash, tail);
      tail = 0;
      bits = 0;
    }
  }
  // Every code unit was taken for a byte, which only ASCII is.
  return seen < 0x80 ? finish(hash, tail, prefix.length + units) : finishState(feed(prefix, text));
}

/** The murmur3 finalizer: every input bit reaches every output bit. */
export function finalize32(value: number): number {
  let h = value;
  h = Math.imul(h ^ (h >>> 16), 0x85ebca6b);
  h = Math.imul(h ^ (h >>> 13), 0xc2b2ae35);
  return (h ^ (h >>> 16)) >>> 0;
}

function feed(state: Murmur3State, text: string): Murmur3State {
  let { hash, tail, tailBits, length } = state;
  for (let index = 0; index < text.length; index++) {
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

function finishState({ hash, tail, length }: Murmur3State): number {
  return finish(hash, tail, length);
}

function finish(hash: number, tail: number, length: number): number {
  // An empty tail scrambles to zero.
  return finalize32(hash ^ scramble(tail) ^ length);
}

function mix(hash: number, block: number): number {
  return mixScrambled(hash, scramble(block));
}

/** A block's way into the hash, after what can be done to it beforehand. */
export function mixScrambled(hash: number, scrambled: number): number {
  const mixed = hash ^ scrambled;
  return (Math.imul((mixed << 13) | (mixed >>> 19), 5) + 0xe6546b64) | 0;
}

/** The part of mixing a block in that does not depend on the hash. */
export function scramble(block: number): number {
  const product = Math.imul(block, 0xcc9e2d51);
  return Math.imul((product << 15) | (product >>> 17), 0x1b873593);
}

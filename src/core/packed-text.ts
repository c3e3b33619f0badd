import { finalize32, type Murmur3State, mixScrambled, scramble } from './murmur3.ts';
import { writeUtf8 } from './utf8.ts';

/** A text cut into the blocks of murmur3 once, for hashes with many prefixes. */
export interface PackedText {
  readonly text: string;
  /** In bytes. */
  readonly length: number;
  /** By how many bytes of a prefix wait for the text. */
  readonly aligned: readonly [Aligned, Aligned, Aligned, Aligned];
}

interface Aligned {
  /** The bytes that join those that wait in their block. */
  readonly head: number;
  /** Whether that fills the block. */
  readonly fillsBlock: boolean;
  /** The blocks that follow, scrambled: all that does not depend on what came before them. */
  readonly blocks: Int32Array;
  /** The bytes that are left over, scrambled. */
  readonly rest: number;
}

/** Takes as long as hashing the text a few times. */
export function packText(text: string): PackedText {
  const bytes = utf8(text);
  return {
    text,
    length: bytes.length,
    aligned: [align(bytes, 0), align(bytes, 1), align(bytes, 2), align(bytes, 3)],
  };
}

/** What `murmur3` gives for the same prefix and text. */
export function murmur3Packed(prefix: Murmur3State, { aligned, length }: PackedText): number {
  const { head, fillsBlock, blocks, rest } = aligned[(prefix.tailBits >> 3) as 0 | 1 | 2 | 3];
  const first = scramble(prefix.tail | head);
  const bytes = prefix.length + length;
  if (!fillsBlock) return finalize32(prefix.hash ^ first ^ bytes);
  let hash = mixScrambled(prefix.hash, first);
  for (let index = 0; index < blocks.length; index++) hash = mixScrambled(hash, blocks[index] ?? 0);
  return finalize32(hash ^ rest ^ bytes);
}

function align(bytes: Uint8Array, waiting: number): Aligned {
  const missing = 4 - waiting;
  const head = blockAt(bytes, 0, missing) << (8 * waiting);
  const blocks: number[] = [];
  let at = missing;
  for (; at + 4 <= bytes.length; at += 4) blocks.push(scramble(blockAt(bytes, at, 4)));
  const rest = scramble(blockAt(bytes, at, 4));
  return { head, fillsBlock: bytes.length >= missing, blocks: Int32Array.from(blocks), rest };
}

/** Up to `count` bytes, the first one in the lowest eight bits; zeros where there are none. */
function blockAt(bytes: Uint8Array, at: number, count: number): number {
  let block = 0;
  for (let index = 0; index < count; index++) block |= (bytes[at + index] ?? 0) << (8 * index);
  return block;
}

function utf8(text: string): Uint8Array {
  const bytes = new Uint8Array(3 * text.length);
  return bytes.subarray(0, writeUtf8(text, bytes, 0));
}

import { randomInt } from 'node:crypto';
import { JsonBytes } from './json-bytes.ts';

const FIRST_SLOTS = 64;
const COMMA = 0x2c;
const QUOTE = 0x22;
const BACKSLASH = 0x5c;
/** Odd, and another one in every process: nobody outside can choose pieces that fall into the same slot. */
const FACTOR = 0x9e37_79b1 ^ (randomInt(2 ** 24) * 2);

/**
 * A list as JSON whose items are told apart by their bytes: each is there once, numbered in the order in which they first
 * came. To tell one that is known takes no memory at all.
 */
export class DistinctPieces {
  /** The items, with a comma after each. The next one is written here, and then taken. */
  readonly json = new JsonBytes();
  count = 0;
  /** Where each item ends, its comma included. */
  #ends = new Uint32Array(FIRST_SLOTS / 2);
  /** By what they say: the number of an item, plus 1. 0: nobody is here. */
  #slots = new Uint16Array(FIRST_SLOTS);

  /** The number of this text. */
  text(value: string): number {
    const { json } = this;
    const { length } = value;
    json.reserve(length + 3);
    const { bytes } = json;
    let at = json.length;
    bytes[at++] = QUOTE;
    let hash = QUOTE;
    for (let index = 0; index < length; index++) {
      const code = value.charCodeAt(index);
      if (code < 0x20 || code > 0x7e || code === QUOTE || code === BACKSLASH) {
        json.raw(JSON.stringify(value));
        return this.take();
      }
      bytes[at++] = code;
      hash = (Math.imul(hash, FACTOR) + code) | 0;
    }
    bytes[at++] = QUOTE;
    json.length = at;
    return this.#take((Math.imul(hash, FACTOR) + QUOTE) | 0);
  }

  /** The number of the item that was just written. */
  take(): number {
    return this.#take(this.#hashOf(this.#startOf(this.count), this.json.length));
  }

  #take(hash: number): number {
    const { json } = this;
    json.reserve(1);
    json.bytes[json.length++] = COMMA;
    const start = this.#startOf(this.count);
    const slot = this.#slotOf(hash, start, json.length);
    const known = this.#slots[slot] ?? 0;
    if (known > 0) {
      json.length = start;
      return known - 1;
    }
    this.#slots[slot] = this.count + 1;
    this.#ends[this.count] = json.length;
    if (++this.count === this.#ends.length) this.#grow();
    return this.count - 1;
  }

  clear(): void {
    this.json.clear();
    this.count = 0;
    this.#slots.fill(0);
  }

  #startOf(index: number): number {
    return index === 0 ? 0 : (this.#ends[index - 1] ?? 0);
  }

  /** Of bytes that are written, without a comma. */
  #hashOf(start: number, end: number): number {
    const { bytes } = this.json;
    let hash = 0;
    for (let at = start; at < end; at++) hash = (Math.imul(hash, FACTOR) + (bytes[at] ?? 0)) | 0;
    return hash;
  }

  /** Where the item that is written there is, or would be. */
  #slotOf(hash: number, start: number, end: number): number {
    const last = this.#slots.length - 1;
    let slot = (hash ^ (hash >>> 15)) & last;
    for (let known = this.#slots[slot] ?? 0; known > 0; known = this.#slots[slot] ?? 0) {
      if (this.#isSame(known - 1, start, end)) break;
      slot = (slot + 1) & last;
    }
    return slot;
  }

  #isSame(index: number, start: number, end: number): boolean {
    const { bytes } = this.json;
    const first = this.#startOf(index);
    if ((this.#ends[index] ?? 0) - first !== end - start) return false;
    for (let at = start; at < end; at++) if (bytes[at] !== bytes[first + at - start]) return false;
    return true;
  }

  #grow(): void {
    const ends = new Uint32Array(2 * this.#ends.length);
    ends.set(this.#ends);
    this.#ends = ends;
    this.#slots = new Uint16Array(2 * ends.length);
    for (let index = 0; index < this.count; index++) {
      const [start, end] = [this.#startOf(index), ends[index] ?? 0];
      this.#slots[this.#slotOf(this.#hashOf(start, end - 1), start, end)] = index + 1;
    }
  }
}

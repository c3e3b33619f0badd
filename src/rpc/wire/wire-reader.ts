import { internedText } from './interned-text.ts';

/** How deep messages may be nested in each other, the outermost included. */
export const DEEPEST_MESSAGE = 100;

const END_OF_GROUP = 4;

/**
 * Reads protobuf's wire format from one message. It takes and refuses exactly what the generic parser does, its
 * leniencies included: the wire type of a known field is not looked at, the last field of an embedded message may run
 * over that message's end, and a varint that is skipped may be of any length. Every method throws a WireError at bytes
 * that are no such thing.
 */
export class WireReader {
  readonly bytes: Buffer;
  /** Where the next byte is read. */
  at = 0;
  /** The halves of the last 64-bit varint that was read, as signed 32-bit integers. */
  low = 0;
  high = 0;

  constructor(bytes: Uint8Array) {
    this.bytes =
      bytes instanceof Buffer ? bytes : Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  }

  /** A field's number, shifted left by three, and its wire type. */
  tag(): number {
    const { bytes, at } = this;
    const first = at < bytes.length ? (bytes[at] ?? 0) : 0x80;
    let tag = first;
    if (first < 0x80) this.at = at + 1;
    else {
      tag = this.#long32();
      const length = this.at - at;
      if (length > 5 || (length === 5 && (bytes[at + 4] ?? 0) > 0x0f))
        throw new WireError('a tag is too large');
    }
    if (tag >>> 3 === 0 || (tag & 7) > 5) throw new WireError('there is no such tag');
    return tag;
  }

  /** An unsigned 32-bit varint; more bits than that are cut off. */
  uint32(): number {
    const { bytes, at } = this;
    const first = at < bytes.length ? (bytes[at] ?? 0) : 0x80;
    if (first >= 0x80) return this.#long32();
    this.at = at + 1;
    return first;
  }

  /** A 64-bit varint, left in `low` and `high`. */
  varint64(): void {
    let low = 0;
    let high = 0;
    let shift = 0;
    for (let byte = 0x80; byte >= 0x80; shift += 7) {
      if (shift === 70) throw new WireError('a varint is too long');
      byte = this.#byte();
      const bits = byte & 0x7f;
      if (shift < 28) low |= bits << shift;
      else if (shift > 28) high |= bits << (shift - 32);
      else {
        low |= bits << 28;
        high = bits >> 4;
      }
    }
    this.low = low;
    this.high = high;
  }

  bool(): boolean {
    const { bytes, at } = this;
    const first = at < bytes.length ? (bytes[at] ?? 0) : 0x80;
    if (first < 0x80) {
      this.at = at + 1;
      return first !== 0;
    }
    this.varint64();
    return this.low !== 0 || this.high !== 0;
  }

  double(): number {
    const { bytes, at } = this;
    if (at + 8 > bytes.length) throw cutOff();
    for (let index = 0; index < 8; index++) doubleBytes[index] = bytes[at + index] ?? 0;
    this.at = at + 8;
    return double[0] ?? 0;
  }

  /** Text that is mostly new. */
  text(): string {
    const length = this.uint32();
    const start = this.at;
    this.#pass(length);
    return utf8(this.bytes, start, this.at);
  }

  /** Text that is often the same: it is made once, as long as it is short and there is room for it. */
  name(): string {
    const length = this.uint32();
    const start = this.at;
    this.#pass(length);
    return internedText(this.bytes, start, this.at) ?? utf8(this.bytes, start, this.at);
  }

  /** Goes on to the next field. Groups may be nested `depthLeft` deep. */
  skip(tag: number, depthLeft: number): void {
    switch (tag & 7) {
      case 0:
        while (this.#byte() >= 0x80);
        return;
      case 1:
        this.#pass(8);
        return;
      case 2:
        this.#pass(this.uint32());
        return;
      case 3:
        this.#skipGroup(tag >>> 3, depthLeft);
        return;
      case 5:
        this.#pass(4);
        return;
      default:
        throw new WireError('a group ends that did not begin');
    }
  }

  #skipGroup(field: number, depthLeft: number): void {
    if (depthLeft <= 0) throw new WireError('groups are nested too deep');
    for (;;) {
      const tag = this.tag();
      if ((tag & 7) !== END_OF_GROUP) this.skip(tag, depthLeft - 1);
      else if (tag >>> 3 === field) return;
      else throw new WireError('another group ends than the one that began');
    }
  }

  #long32(): number {
    let value = 0;
    let shift = 0;
    for (let byte = 0x80; byte >= 0x80; shift += 7) {
      if (shift === 70) throw new WireError('a varint is too long');
      byte = this.#byte();
      if (shift < 28) value |= (byte & 0x7f) << shift;
      else if (shift === 28) value |= (byte & 0x0f) << 28;
    }
    return value >>> 0;
  }

  #byte(): number {
    const { bytes, at } = this;
    if (at >= bytes.length) throw cutOff();
    this.at = at + 1;
    return bytes[at] ?? 0;
  }

  #pass(length: number): void {
    const end = this.at + length;
    if (end > this.bytes.length) throw cutOff();
    this.at = end;
  }
}

/** The bytes are not what they should be. */
export class WireError extends Error {
  override readonly name = 'WireError';
}

function cutOff(): WireError {
  return new WireError('the message is cut off');
}

// A number is put together here instead of in a view of the message, of which each would need one.
const double = new Float64Array(1);
const doubleBytes = new Uint8Array(double.buffer);

const strictUtf8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });

function utf8(bytes: Buffer, start: number, end: number): string {
  const text = bytes.toString('utf8', start, end);
  // It stands for anything that is not UTF-8, and for itself.
  if (!text.includes('\ufffd')) return text;
  try {
    return strictUtf8.decode(bytes.subarray(start, end));
  } catch (cause) {
    throw new WireError('a text is not UTF-8', { cause });
  }
}

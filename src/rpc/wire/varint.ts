import { ENVELOPE_BYTES } from '../hot/hot-method.ts';

/** How many bytes a whole number from 0 to 2^53 - 1 takes as a varint. */
export function varintSize(value: number): number {
  let size = 1;
  for (let rest = value; rest >= 0x80; rest = Math.floor(rest / 0x80)) size++;
  return size;
}

/** Writes such a number and returns where the next byte goes. */
export function writeVarint(bytes: Uint8Array, at: number, value: number): number {
  let next = at;
  let rest = value;
  while (rest >= 0x80) {
    bytes[next++] = (rest % 0x80) + 0x80;
    rest = Math.floor(rest / 0x80);
  }
  bytes[next++] = rest;
  return next;
}

/** The same for any 64 bits, given as two 32-bit integers. */
export function varint64Size(low: number, high: number): number {
  let size = 1;
  for (let [lower, upper] = [low >>> 0, high >>> 0]; upper > 0 || lower >= 0x80; size++) {
    lower = ((lower >>> 7) | (upper << 25)) >>> 0;
    upper >>>= 7;
  }
  return size;
}

export function writeVarint64(bytes: Uint8Array, at: number, low: number, high: number): number {
  let next = at;
  let [lower, upper] = [low >>> 0, high >>> 0];
  while (upper > 0 || lower >= 0x80) {
    bytes[next++] = (lower & 0x7f) | 0x80;
    lower = ((lower >>> 7) | (upper << 25)) >>> 0;
    upper >>>= 7;
  }
  bytes[next++] = lower;
  return next;
}

/** Writes the envelope of an uncompressed message of this length and returns where the message goes. */
export function writeEnvelope(bytes: Uint8Array, at: number, length: number): number {
  bytes[at] = 0;
  bytes[at + 1] = length >>> 24;
  bytes[at + 2] = length >>> 16;
  bytes[at + 3] = length >>> 8;
  bytes[at + 4] = length;
  return at + ENVELOPE_BYTES;
}

/** Room for one message, behind its envelope. What is in it is undefined. It shares memory, so it is not to be kept. */
export function enveloped(length: number): Buffer {
  const bytes = Buffer.allocUnsafe(ENVELOPE_BYTES + length);
  writeEnvelope(bytes, 0, length);
  return bytes;
}

/** The same to be kept. */
export function envelopedAlone(length: number): Buffer {
  const bytes = Buffer.allocUnsafeSlow(ENVELOPE_BYTES + length);
  writeEnvelope(bytes, 0, length);
  return bytes;
}

/** A whole message in its envelope. */
export function envelopedText(text: string): Buffer {
  const bytes = enveloped(Buffer.byteLength(text));
  bytes.write(text, ENVELOPE_BYTES);
  return bytes;
}

const HEADER_BYTES = 5;

/** Envelopes around messages, as gRPC has them: uncompressed. */
export function toEnvelope(message: Uint8Array): Buffer {
  const envelope = Buffer.alloc(HEADER_BYTES + message.length);
  envelope.writeUInt32BE(message.length, 1);
  envelope.set(message, HEADER_BYTES);
  return envelope;
}

/** Counts the messages of one stream, however they are cut into pieces. */
export class EnvelopeCounter {
  #header = 0;
  #length = 0;
  #left = 0;

  /** How many messages end within `bytes` from `start` to `end`. Throws for a compressed one. */
  count(bytes: Uint8Array, start: number, end: number): number {
    let messages = 0;
    let at = start;
    while (at < end) {
      if (this.#header < HEADER_BYTES) {
        const byte = bytes[at++] ?? 0;
        if (this.#header === 0 && byte !== 0) throw new Error('the server compresses');
        this.#length = this.#header === 0 ? 0 : this.#length * 256 + byte;
        if (++this.#header < HEADER_BYTES) continue;
        this.#left = this.#length;
      } else {
        const taken = Math.min(this.#left, end - at);
        this.#left -= taken;
        at += taken;
      }
      if (this.#left > 0) continue;
      this.#header = 0;
      messages++;
    }
    return messages;
  }
}

/** The messages in what was received, all of it. */
export function messagesIn(received: Buffer): Buffer[] {
  const messages: Buffer[] = [];
  for (let at = 0; at < received.length; ) {
    const start = at + HEADER_BYTES;
    at = start + received.readUInt32BE(at + 1);
    messages.push(received.subarray(start, at));
  }
  return messages;
}

import { FlagError } from '../core/errors.ts';
import { messageTooLarge } from './compression.ts';
import { type GrowingBuffer, growingBuffer } from './growing-buffer.ts';

const HEADER_BYTES = 5;

export interface Envelope {
  readonly compressed: boolean;
  readonly message: Uint8Array;
}

/**
 * Finds the messages of a gRPC, gRPC-web or Connect stream in what arrives. Memory follows what has arrived, not what
 * was announced. Throws a FlagError for a message that is announced larger than `maxBytes`, for unknown flags, and for
 * an end in the middle.
 */
export class EnvelopeReader {
  readonly #maxBytes: number;
  readonly #header = growingBuffer(HEADER_BYTES);
  #flags = 0;
  #message: GrowingBuffer | undefined;

  constructor(maxBytes: number) {
    this.#maxBytes = maxBytes;
  }

  /** The messages that this chunk completes. What is wrong is thrown behind what was right before it. */
  *take(chunk: Uint8Array): Generator<Envelope, void> {
    let rest = chunk;
    do {
      const whole = this.#wholeIn(rest);
      if (whole !== undefined) {
        yield { compressed: rest[0] === 1, message: whole };
        rest = rest.subarray(HEADER_BYTES + whole.length);
        continue;
      }
      if (this.#message === undefined) {
        rest = this.#header.take(rest);
        if (!this.#header.full()) return;
        this.#flags = checkedFlags(this.#header.bytes()[0] ?? 0);
        this.#message = growingBuffer(announcedLength(this.#header.bytes(), this.#maxBytes));
        this.#header.clear();
      }
      rest = this.#message.take(rest);
      if (!this.#message.full()) return;
      const message = this.#message.bytes();
      this.#message = undefined;
      yield { compressed: this.#flags === 1, message };
    } while (rest.length > 0);
  }

  /** The message at the beginning of what arrived, if all of it is there, and nothing is wrong with it. */
  #wholeIn(bytes: Uint8Array): Uint8Array | undefined {
    if (this.#message !== undefined || !this.#header.empty() || bytes.length < HEADER_BYTES) return undefined;
    const [flags = 0, b1 = 0, b2 = 0, b3 = 0, b4 = 0] = bytes;
    const length = ((b1 << 24) | (b2 << 16) | (b3 << 8) | b4) >>> 0;
    if (flags > 1 || length > this.#maxBytes || bytes.length < HEADER_BYTES + length) return undefined;
    return bytes.subarray(HEADER_BYTES, HEADER_BYTES + length);
  }

  /** To be called when nothing more arrives. */
  end(): void {
    if (this.#message !== undefined || !this.#header.empty())
      throw malformed('the stream ends in the middle of a message');
  }
}

/** The messages of a stream, as they arrive. */
export async function* readEnvelopes(
  body: AsyncIterable<Uint8Array>,
  maxBytes: number,
): AsyncGenerator<Envelope> {
  const reader = new EnvelopeReader(maxBytes);
  for await (const chunk of body) yield* reader.take(chunk);
  reader.end();
}

/** The envelope of an uncompressed message. */
export function toEnvelope(message: Uint8Array): Uint8Array {
  const envelope = new Uint8Array(HEADER_BYTES + message.length);
  new DataView(envelope.buffer).setUint32(1, message.length);
  envelope.set(message, HEADER_BYTES);
  return envelope;
}

function checkedFlags(flags: number): number {
  // The other bits mark the end of a stream, which is for servers to send.
  if (flags > 1) throw malformed('a message has unknown flags');
  return flags;
}

function announcedLength(header: Uint8Array, maxBytes: number): number {
  const length = new DataView(header.buffer, header.byteOffset).getUint32(1);
  if (length > maxBytes) throw messageTooLarge(maxBytes);
  return length;
}

function malformed(message: string): FlagError {
  return new FlagError('invalid', message, { reason: 'ENVELOPE_MALFORMED' });
}

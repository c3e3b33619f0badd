import { FlagError } from '../core/errors.ts';
import { messageTooLarge } from './compression.ts';

const HEADER_BYTES = 5;
const FIRST_ALLOCATION = 16_384;

export interface Envelope {
  readonly compressed: boolean;
  readonly message: Uint8Array;
}

/**
 * The messages of a gRPC, gRPC-web or Connect stream. Memory follows what has arrived, not what was announced. Throws
 * a FlagError for a message that is announced larger than `maxBytes`, for unknown flags, and for a truncated end.
 */
export async function* readEnvelopes(
  body: AsyncIterable<Uint8Array>,
  maxBytes: number,
): AsyncGenerator<Envelope> {
  const header = growingBuffer(HEADER_BYTES);
  let flags = 0;
  let message: GrowingBuffer | undefined;
  for await (const chunk of body) {
    let rest = chunk;
    do {
      if (message === undefined) {
        rest = header.take(rest);
        if (!header.full()) break;
        flags = checkedFlags(header.bytes()[0] ?? 0);
        message = growingBuffer(announcedLength(header.bytes(), maxBytes));
        header.clear();
      }
      rest = message.take(rest);
      if (!message.full()) break;
      yield { compressed: flags === 1, message: message.bytes() };
      message = undefined;
    } while (rest.length > 0);
  }
  if (message !== undefined || !header.empty()) throw malformed('the stream ends in the middle of a message');
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

interface GrowingBuffer {
  /** Takes what it still wants and returns what is left over. */
  take(chunk: Uint8Array): Uint8Array;
  full(): boolean;
  empty(): boolean;
  bytes(): Uint8Array;
  clear(): void;
}

function growingBuffer(wanted: number): GrowingBuffer {
  let held = new Uint8Array(Math.min(wanted, FIRST_ALLOCATION));
  let length = 0;
  return {
    take: (chunk) => {
      const taken = Math.min(chunk.length, wanted - length);
      if (length + taken > held.length) {
        const larger = new Uint8Array(Math.min(wanted, Math.max(held.length * 2, length + taken)));
        larger.set(held.subarray(0, length));
        held = larger;
      }
      held.set(chunk.subarray(0, taken), length);
      length += taken;
      return chunk.subarray(taken);
    },
    full: () => length === wanted,
    empty: () => length === 0,
    bytes: () => held.subarray(0, length),
    clear: () => {
      length = 0;
    },
  };
}

function malformed(message: string): FlagError {
  return new FlagError('invalid', message, { reason: 'ENVELOPE_MALFORMED' });
}

import { messageTooLarge } from '../compression.ts';
import { type Envelope, EnvelopeReader } from '../envelopes.ts';
import { type GrowingBuffer, growingBuffer } from '../growing-buffer.ts';
import { plainMessage } from '../request-guard.ts';
import { wrongCount } from '../wrong-count.ts';
import type { CallHead } from './call-head.ts';
import { ENVELOPE_BYTES, type HotCall } from './hot-method.ts';

/** Receives the one message of a call, of which no more is kept than the limit allows. */
export interface Intake {
  /** Returns true once it is clear what to make of the call, whatever else arrives. */
  take(chunk: Uint8Array): boolean;
  /** To be called when nothing more arrives. */
  end(): void;
  /**
   * The call that was received: a promise if it has to be inflated first. Throws or rejects with whatever is wrong
   * with it, in the order in which the other path would notice.
   */
  read(): HotCall | Promise<HotCall>;
}

export function intakeOf(head: CallHead, maxBytes: number): Intake {
  return head.format.protocol === 'grpc'
    ? new EnvelopeIntake(head, maxBytes)
    : new BodyIntake(head, maxBytes);
}

/** The message of gRPC, in its envelope. Nearly always it arrives in one piece, which is used as it is. */
class EnvelopeIntake implements Intake {
  readonly #head: CallHead;
  readonly #maxBytes: number;
  #whole: Uint8Array | undefined;
  #reader: EnvelopeReader | undefined;
  readonly #envelopes: Envelope[] = [];
  #error: unknown;

  constructor(head: CallHead, maxBytes: number) {
    this.#head = head;
    this.#maxBytes = maxBytes;
  }

  take(chunk: Uint8Array): boolean {
    if (chunk.length === 0) return false;
    if (this.#reader === undefined && this.#whole === undefined && this.#isWhole(chunk)) {
      this.#whole = chunk;
      return false;
    }
    return this.#takePiece(chunk);
  }

  end(): void {
    if (this.#error !== undefined) return;
    try {
      this.#reader?.end();
    } catch (error) {
      this.#error = error;
    }
  }

  read(): HotCall | Promise<HotCall> {
    const { method, format } = this.#head;
    if (this.#whole === undefined) return this.#readPieces();
    return method.read(this.#whole.subarray(ENVELOPE_BYTES), format.codec);
  }

  /** One envelope, plain, complete, with nothing behind it. */
  #isWhole(chunk: Uint8Array): boolean {
    const length = chunk.length - ENVELOPE_BYTES;
    if (length < 0 || length > this.#maxBytes || chunk[0] !== 0) return false;
    const upper = ((chunk[1] ?? 0) << 24) | ((chunk[2] ?? 0) << 16);
    return (upper | ((chunk[3] ?? 0) << 8) | (chunk[4] ?? 0)) === length;
  }

  #takePiece(chunk: Uint8Array): boolean {
    try {
      this.#reader ??= new EnvelopeReader(this.#maxBytes);
      if (this.#whole !== undefined) this.#envelopes.push(...this.#reader.take(this.#whole));
      this.#whole = undefined;
      for (const envelope of this.#reader.take(chunk)) {
        this.#envelopes.push(envelope);
        if (this.#envelopes.length > 1) return true;
      }
      return false;
    } catch (error) {
      this.#error = error;
      return true;
    }
  }

  async #readPieces(): Promise<HotCall> {
    const { method, format, decompress } = this.#head;
    let call: HotCall | undefined;
    for (const envelope of this.#envelopes)
      call = method.read(await plainMessage(envelope, decompress, this.#maxBytes), format.codec);
    if (this.#error !== undefined) throw this.#error;
    if (call === undefined) throw wrongCount('missing', 'unary');
    if (this.#envelopes.length > 1) throw wrongCount('received extra', 'unary');
    return call;
  }
}

/** The message of Connect, which is the body. */
class BodyIntake implements Intake {
  readonly #head: CallHead;
  readonly #maxBytes: number;
  #first: Uint8Array | undefined;
  #all: GrowingBuffer | undefined;
  #tooLarge = false;

  constructor(head: CallHead, maxBytes: number) {
    this.#head = head;
    this.#maxBytes = maxBytes;
  }

  take(chunk: Uint8Array): boolean {
    if (this.#first === undefined && chunk.length <= this.#maxBytes) {
      this.#first = chunk;
      return false;
    }
    this.#all ??= startedWith(this.#first, this.#maxBytes);
    this.#tooLarge = this.#all.take(chunk).length > 0;
    return this.#tooLarge;
  }

  end(): void {
    // A body may end anywhere.
  }

  read(): HotCall | Promise<HotCall> {
    if (this.#tooLarge) throw messageTooLarge(this.#maxBytes);
    const { method, format, decompress } = this.#head;
    const body = this.#all?.bytes() ?? this.#first ?? new Uint8Array(0);
    if (decompress === undefined) return method.read(body, format.codec);
    return decompress(body, this.#maxBytes).then((plain) => method.read(plain, format.codec));
  }
}

function startedWith(first: Uint8Array | undefined, maxBytes: number): GrowingBuffer {
  const buffer = growingBuffer(maxBytes);
  if (first !== undefined) buffer.take(first);
  return buffer;
}

import { type Envelope, EnvelopeReader } from '../envelopes.ts';
import { unnamedCompression } from '../request-guard.ts';

/**
 * What arrives on a stream, message by message, for as long as there is room for what is made of it: nothing is taken out
 * of a chunk while this is held.
 */
export class Inflow {
  readonly #reader: EnvelopeReader;
  readonly #each: (message: Uint8Array) => void;
  readonly #chunks: Uint8Array[] = [];
  #reading: Generator<Envelope, void> | undefined;
  #isHeld = false;

  /** `each` is called for every message, plain; what it throws is thrown by whoever made this go on. */
  constructor(maxBytes: number, each: (message: Uint8Array) => void) {
    this.#reader = new EnvelopeReader(maxBytes);
    this.#each = each;
  }

  /** Whether there is something that was not taken yet. */
  get isPending(): boolean {
    return this.#isHeld || this.#reading !== undefined || this.#chunks.length > 0;
  }

  hold(): void {
    this.#isHeld = true;
  }

  /** Goes on where it was held. */
  release(): void {
    this.#isHeld = false;
    this.#read();
  }

  take(chunk: Uint8Array): void {
    this.#chunks.push(chunk);
    this.#read();
  }

  /** To be called when nothing more arrives. Throws for an end in the middle of a message. */
  end(): void {
    this.#reader.end();
  }

  #read(): void {
    while (!this.#isHeld) {
      if (this.#reading === undefined) {
        const chunk = this.#chunks.shift();
        if (chunk === undefined) return;
        this.#reading = this.#reader.take(chunk);
      }
      const next = this.#reading.next();
      if (next.done) this.#reading = undefined;
      else this.#each(plain(next.value));
    }
  }
}

/** What is compressed was announced, and does not come here. */
function plain({ compressed, message }: Envelope): Uint8Array {
  if (compressed) throw unnamedCompression();
  return message;
}

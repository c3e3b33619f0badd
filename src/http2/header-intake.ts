import { ConnectionError, ENHANCE_YOUR_CALM, NO_ERROR, PROTOCOL_ERROR } from './errors.ts';
import { HeaderDecoder } from './header-decoder.ts';
import { type HeadLimits, HeadReader, type RequestHead } from './request-head.ts';

/** More pieces than that have never been seen of a block that was meant well. */
const MOST_PIECES = 16;
/** A block may be so much larger than what it says may be: codes of rare bytes take 30 bits. */
const BLOCK_FACTOR = 4;
/** Calls of one kind often say the same, and a client has a few kinds. */
const MOST_KNOWN = 4;
const LARGEST_KNOWN_BYTES = 1_024;

/** What a whole header block says. */
export interface Block {
  /** Undefined if it is not that of a request, or says too much: then the stream is to be reset with `problem`. */
  readonly head: RequestHead | undefined;
  readonly problem: number;
  /** The same for trailers, which are not kept. */
  readonly trailersProblem: number;
}

interface KnownBlock {
  readonly bytes: Buffer;
  readonly block: Block;
}

/** Puts the pieces of header blocks together and reads them. */
export class HeaderIntake {
  readonly #limits: HeadLimits;
  readonly #decoder = new HeaderDecoder();
  #pieces: Buffer[] = [];
  #bytes = 0;
  /** Blocks that mean the same as long as the table has this edition, newest last. */
  #known: KnownBlock[] = [];
  #edition = 0;

  constructor(limits: HeadLimits) {
    this.#limits = limits;
  }

  /** Whether a block has begun and not ended. */
  get isOpen(): boolean {
    return this.#pieces.length > 0;
  }

  /**
   * Takes the next piece; with the last one comes the block. Throws a ConnectionError for what cannot be read, and for
   * more than anybody has to say.
   */
  take(bytes: Buffer, start: number, end: number, isLast: boolean): Block | undefined {
    if (isLast && !this.isOpen) return this.#read(bytes, start, end);
    this.#bytes += end - start;
    this.#pieces.push(Buffer.from(bytes.subarray(start, end)));
    if (this.#bytes > this.#limits.maxHeaderBytes * BLOCK_FACTOR || this.#pieces.length > MOST_PIECES)
      throw new ConnectionError(ENHANCE_YOUR_CALM, 'too many headers');
    if (!isLast) return undefined;
    const whole = Buffer.concat(this.#pieces);
    this.#pieces = [];
    this.#bytes = 0;
    return this.#read(whole, 0, whole.length);
  }

  #read(bytes: Buffer, start: number, end: number): Block {
    for (const known of this.#known)
      if (known.bytes.length === end - start && isSame(known.bytes, bytes, start)) return known.block;
    const reader = new HeadReader(this.#limits);
    this.#decoder.decode(bytes, start, end, reader.take);
    const head = reader.head();
    const problem = reader.problem();
    const block: Block = {
      head,
      problem: problem === NO_ERROR ? PROTOCOL_ERROR : problem,
      trailersProblem: problem === NO_ERROR && reader.hasPseudo() ? PROTOCOL_ERROR : problem,
    };
    if (this.#decoder.edition !== this.#edition) this.#known = [];
    else if (head !== undefined && end - start <= LARGEST_KNOWN_BYTES)
      this.#remember({ bytes: Buffer.from(bytes.subarray(start, end)), block });
    this.#edition = this.#decoder.edition;
    return block;
  }

  #remember(known: KnownBlock): void {
    if (this.#known.push(known) > MOST_KNOWN) this.#known.shift();
  }
}

function isSame(known: Buffer, bytes: Buffer, start: number): boolean {
  for (let at = 0; at < known.length; at++) if (known[at] !== bytes[start + at]) return false;
  return true;
}

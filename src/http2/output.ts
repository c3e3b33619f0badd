import { FRAME_HEAD_BYTES, writeFrameHead } from './frames.ts';

/** What takes the bytes of a connection: a net.Socket, or a TLSSocket. */
export interface Sink {
  write(bytes: Uint8Array): boolean;
  cork(): void;
  uncork(): void;
  /** False once it was ended or is gone. */
  readonly writable: boolean;
  readonly writableLength: number;
  readonly writableNeedDrain: boolean;
}

const CHUNK_BYTES = 16_384;
/** What is larger is handed over as it is, and not copied. */
const MOST_COPIED_BYTES = 2_048;
const MOST_LOOPED_BYTES = 64;
/** So much is put together before it is written, although more may follow at once. */
const MOST_GATHERED_BYTES = 65_536;
const MOST_SPARE_CHUNKS = 64;

const EMPTY = new Uint8Array(0);

/** For whoever gathers next. A chunk is here only after the kernel has copied what was in it. */
const spareChunks: Buffer[] = [];

/** Puts small frames together, so that all that one event leads to is one write. Holds no memory between writes. */
export class Output {
  readonly #sink: Sink;
  /** In their order: stretches of chunks, and what was not copied. */
  #pieces: Uint8Array[] = [];
  #chunks: Buffer[] = [];
  #chunk: Buffer | undefined;
  /** The stretch of `#chunk` that is in no piece yet. */
  #from = 0;
  #to = 0;
  #length = 0;

  constructor(sink: Sink) {
    this.#sink = sink;
  }

  get isEmpty(): boolean {
    return this.#length === 0;
  }

  /** The other end does not take what it was sent. The sink says 'drain' when it has. */
  get isFull(): boolean {
    return this.#sink.writableNeedDrain && this.#sink.writableLength > 0;
  }

  /** Adds a frame. Nobody may write to the payload any more. */
  frame(
    type: number,
    flags: number,
    stream: number,
    payload: Uint8Array = EMPTY,
    start = 0,
    end = payload.length,
  ): void {
    const length = end - start;
    const chunk = this.#roomFor(length <= MOST_COPIED_BYTES ? FRAME_HEAD_BYTES + length : FRAME_HEAD_BYTES);
    writeFrameHead(chunk, this.#to, length, type, flags, stream);
    this.#to += FRAME_HEAD_BYTES;
    if (length > MOST_COPIED_BYTES) this.#hand(payload.subarray(start, end));
    else this.#copy(chunk, payload, start, end);
    this.#length += FRAME_HEAD_BYTES + length;
    if (this.#length >= MOST_GATHERED_BYTES) this.flush();
  }

  flush(): void {
    if (this.#length === 0) return;
    this.#closeStretch();
    const sink = this.#sink;
    const pieces = this.#pieces;
    const [first] = pieces;
    if (!sink.writable) this.#chunks = [];
    else if (pieces.length === 1 && first !== undefined) sink.write(first);
    else {
      sink.cork();
      for (const piece of pieces) sink.write(piece);
      sink.uncork();
    }
    if (sink.writableLength === 0) giveBack(this.#chunks);
    this.#pieces = [];
    this.#chunks = [];
    this.#chunk = undefined;
    this.#length = 0;
  }

  #roomFor(length: number): Buffer {
    if (this.#chunk !== undefined && this.#to + length <= CHUNK_BYTES) return this.#chunk;
    this.#closeStretch();
    const chunk = spareChunks.pop() ?? Buffer.allocUnsafeSlow(CHUNK_BYTES);
    this.#chunks.push(chunk);
    this.#chunk = chunk;
    this.#from = 0;
    this.#to = 0;
    return chunk;
  }

  /** A loop is the faster way for what is short. */
  #copy(chunk: Buffer, payload: Uint8Array, start: number, end: number): void {
    const to = this.#to;
    if (end - start > MOST_LOOPED_BYTES) chunk.set(payload.subarray(start, end), to);
    else for (let at = start; at < end; at++) chunk[to + at - start] = payload[at] ?? 0;
    this.#to = to + end - start;
  }

  #hand(payload: Uint8Array): void {
    this.#closeStretch();
    this.#pieces.push(payload);
  }

  #closeStretch(): void {
    if (this.#chunk === undefined || this.#to === this.#from) return;
    this.#pieces.push(this.#chunk.subarray(this.#from, this.#to));
    this.#from = this.#to;
  }
}

function giveBack(chunks: readonly Buffer[]): void {
  for (const chunk of chunks) if (spareChunks.length < MOST_SPARE_CHUNKS) spareChunks.push(chunk);
}

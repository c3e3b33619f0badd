import { ConnectionError, FRAME_SIZE_ERROR, PROTOCOL_ERROR } from './errors.ts';
import { FRAME_HEAD_BYTES, LARGEST_FRAME, PREFACE, readUint24, readUint31 } from './frames.ts';

/** A frame; its payload is between `start` and `end`. The bytes are those that arrived: they may be kept. */
export type TakeFrame = (
  type: number,
  flags: number,
  stream: number,
  bytes: Buffer,
  start: number,
  end: number,
) => void;

/** Finds the frames in what arrives on a connection, behind the preface. Keeps at most one that is not complete. */
export class FrameReader {
  readonly #take: TakeFrame;
  #prefaceSeen = 0;
  /** A frame of which the beginning has arrived; its head first. */
  #part: Buffer | undefined;
  #partLength = 0;

  constructor(take: TakeFrame) {
    this.#take = take;
  }

  /** Throws a ConnectionError for what is no preface, and for a frame beyond what may be sent. */
  read(chunk: Buffer): void {
    let at = this.#prefaceSeen < PREFACE.length ? this.#readPreface(chunk) : 0;
    if (this.#part !== undefined) at = this.#complete(this.#part, chunk, at);
    while (chunk.length - at >= FRAME_HEAD_BYTES) {
      const end = at + FRAME_HEAD_BYTES + frameLength(chunk, at);
      if (end > chunk.length) break;
      this.#give(chunk, at, end);
      at = end;
    }
    if (at < chunk.length) this.#begin(chunk, at);
  }

  #readPreface(chunk: Buffer): number {
    const length = Math.min(chunk.length, PREFACE.length - this.#prefaceSeen);
    if (PREFACE.compare(chunk, 0, length, this.#prefaceSeen, this.#prefaceSeen + length) !== 0)
      throw new ConnectionError(PROTOCOL_ERROR, 'this is not the preface of HTTP/2');
    this.#prefaceSeen += length;
    return length;
  }

  #begin(chunk: Buffer, at: number): void {
    const rest = chunk.length - at;
    const whole = rest < FRAME_HEAD_BYTES ? 0 : frameLength(chunk, at);
    this.#part = Buffer.allocUnsafe(FRAME_HEAD_BYTES + whole);
    this.#partLength = chunk.copy(this.#part, 0, at);
  }

  /** Adds to the part what belongs to it. Returns where the next frame begins. */
  #complete(part: Buffer, chunk: Buffer, from: number): number {
    const copied = chunk.copy(part, this.#partLength, from);
    const at = from + copied;
    this.#partLength += copied;
    if (this.#partLength < part.length) return at;
    const length = part.length === FRAME_HEAD_BYTES ? frameLength(part, 0) : 0;
    if (length > 0) {
      this.#part = Buffer.allocUnsafe(FRAME_HEAD_BYTES + length);
      part.copy(this.#part);
      return this.#complete(this.#part, chunk, at);
    }
    this.#part = undefined;
    this.#partLength = 0;
    this.#give(part, 0, part.length);
    return at;
  }

  #give(bytes: Buffer, at: number, end: number): void {
    this.#take(
      bytes[at + 3] ?? 0,
      bytes[at + 4] ?? 0,
      readUint31(bytes, at + 5),
      bytes,
      at + FRAME_HEAD_BYTES,
      end,
    );
  }
}

function frameLength(bytes: Buffer, at: number): number {
  const length = readUint24(bytes, at);
  if (length > LARGEST_FRAME) throw new ConnectionError(FRAME_SIZE_ERROR, 'a frame is too large');
  return length;
}

import type { Socket } from 'node:net';
import type { Clock } from '../../../src/ports/clock.ts';
import type { Random } from '../../attacks/random.ts';

/** What happens to the bytes that go one way. All of it off is a plain pipe. */
export interface LaneFaults {
  /** Nothing passes. What arrives waits, as far as buffers go, and passes when this ends. */
  readonly blackhole: boolean;
  readonly delayMs: number;
  /** Up to so much on top of the delay, at random. The order of bytes stays. */
  readonly jitterMs: number;
  /** Infinity: as fast as it goes. */
  readonly bytesPerSecond: number;
  /** Bytes are passed on in pieces of at most this size. */
  readonly sliceBytes: number;
}

export const NO_FAULTS: LaneFaults = {
  blackhole: false,
  delayMs: 0,
  jitterMs: 0,
  bytesPerSecond: Number.POSITIVE_INFINITY,
  sliceBytes: Number.POSITIVE_INFINITY,
};

/** At most this much waits in a lane: then its source is not read any more. */
export const LANE_BYTES = 256 * 1024;

interface Piece {
  readonly bytes: Buffer;
  readonly due: number;
}

export interface LaneParts {
  readonly from: Socket;
  readonly to: Socket;
  readonly clock: Clock;
  readonly random: Random;
  /** The faults at this moment. */
  readonly faults: () => LaneFaults;
  /** Called once, when as many bytes have passed as `cutAfter` allowed. */
  readonly cut: () => void;
}

/** One direction of one connection: takes bytes in, and passes them on in order, when and as the faults have it. */
export class Lane implements Disposable {
  readonly #parts: LaneParts;
  readonly #queue: Piece[] = [];
  #queuedBytes = 0;
  #lastDue = Number.NEGATIVE_INFINITY;
  #freeAt = Number.NEGATIVE_INFINITY;
  #timer: Disposable | undefined;
  #ended = false;
  #left = Number.POSITIVE_INFINITY;
  #flipAt: number | undefined;

  constructor(parts: LaneParts) {
    this.#parts = parts;
    parts.to.on('drain', () => this.flow());
  }

  /** Bytes that wait here. */
  get queuedBytes(): number {
    return this.#queuedBytes;
  }

  push(bytes: Buffer): void {
    const { clock, random } = this.#parts;
    const { delayMs, jitterMs, sliceBytes } = this.#parts.faults();
    for (let at = 0; at < bytes.length; at += sliceBytes) {
      const piece = bytes.subarray(at, Math.min(bytes.length, at + sliceBytes));
      const jitter = jitterMs > 0 ? random.whole(jitterMs + 1) : 0;
      this.#lastDue = Math.max(this.#lastDue, clock.monotonic() + delayMs + jitter);
      this.#queue.push({ bytes: piece, due: this.#lastDue });
      this.#queuedBytes += piece.length;
    }
    if (this.#queuedBytes >= LANE_BYTES) this.#parts.from.pause();
    this.flow();
  }

  /** The source has ended: so does the destination, after the last byte. */
  end(): void {
    this.#ended = true;
    this.flow();
  }

  /** Lets this many bytes more through, and cuts the connection then. */
  cutAfter(bytes: number): void {
    this.#left = bytes;
    if (bytes === 0) this.#parts.cut();
  }

  /** Flips a bit of the byte that comes after so many more. */
  flipAfter(bytes: number): void {
    this.#flipAt = bytes;
  }

  /** Passes on what is due; called again whenever something has changed. */
  flow(): void {
    this.#timer?.[Symbol.dispose]();
    this.#timer = undefined;
    const { from, to, clock, faults } = this.#parts;
    while (!faults().blackhole && !to.destroyed && !to.writableNeedDrain) {
      const piece = this.#queue[0];
      if (piece === undefined) {
        if (this.#ended) to.end();
        return;
      }
      const waitMs = Math.max(piece.due, this.#freeAt) - clock.monotonic();
      if (waitMs > 0) {
        this.#timer = clock.after(waitMs, () => this.flow());
        return;
      }
      this.#pass(piece);
      if (this.#queuedBytes < LANE_BYTES / 2 && from.isPaused()) from.resume();
    }
  }

  [Symbol.dispose](): void {
    this.#timer?.[Symbol.dispose]();
    this.#queue.length = 0;
    this.#queuedBytes = 0;
  }

  #pass(piece: Piece): void {
    const { to, clock, faults, cut } = this.#parts;
    const { bytesPerSecond } = faults();
    const most = Math.min(this.#left, Math.max(1, Math.floor(bytesPerSecond / 20)));
    const now = piece.bytes.subarray(0, most);
    if (now.length === piece.bytes.length) this.#queue.shift();
    else this.#queue[0] = { ...piece, bytes: piece.bytes.subarray(now.length) };
    this.#queuedBytes -= now.length;
    this.#left -= now.length;
    if (bytesPerSecond !== Number.POSITIVE_INFINITY)
      this.#freeAt = clock.monotonic() + (now.length / bytesPerSecond) * 1_000;
    to.write(this.#flipped(now));
    if (this.#left === 0) cut();
  }

  #flipped(bytes: Buffer): Buffer {
    if (this.#flipAt === undefined) return bytes;
    if (this.#flipAt >= bytes.length) {
      this.#flipAt -= bytes.length;
      return bytes;
    }
    const copy = Buffer.from(bytes);
    copy.writeUInt8((copy[this.#flipAt] ?? 0) ^ 1, this.#flipAt);
    this.#flipAt = undefined;
    return copy;
  }
}

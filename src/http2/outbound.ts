import * as frames from './frames.ts';
import { Output, type Sink } from './output.ts';
import type { Stream } from './stream.ts';

/** What a connection sends: frames, as far as the peer's windows and its socket have room. */
export class Outbound {
  /** How much more DATA the peer takes, on all streams together. */
  window = frames.DEFAULT_WINDOW;
  /** What it takes on a new stream. */
  initialWindow = frames.DEFAULT_WINDOW;
  /** Frames that were part of an answer. */
  sent = 0;
  readonly #output: Output;
  /** In the order in which they began to wait. */
  readonly #waiting = new Set<Stream>();
  #mustShrinkTable = false;
  /** Somebody will flush before the event loop goes on. */
  #isFlushDue = false;

  constructor(sink: Sink) {
    this.#output = new Output(sink);
  }

  /** The peer does not take what it was sent: no more DATA before it has. */
  get isFull(): boolean {
    return this.#output.isFull;
  }

  /** Has everything that is sent until `flush` go out together. */
  gather(): void {
    this.#isFlushDue = true;
  }

  flush(): void {
    this.#isFlushDue = false;
    this.#output.flush();
  }

  /** HEADERS, and as many CONTINUATIONs as it takes. */
  headers(stream: number, block: Uint8Array, isLast: boolean): void {
    const whole = this.#mustShrinkTable ? Buffer.concat([SMALLEST_TABLE, block]) : block;
    this.#mustShrinkTable = false;
    this.sent++;
    const endStream = isLast ? frames.END_STREAM : 0;
    if (whole.length <= frames.LARGEST_FRAME)
      this.frame(frames.HEADERS, endStream | frames.END_HEADERS, stream, whole);
    else this.#continued(stream, whole, endStream);
  }

  /** One frame of DATA. It has to fit into the windows; that of the stream is the stream's own business. */
  data(stream: number, flags: number, bytes: Uint8Array, start: number, end: number): void {
    this.window -= end - start;
    this.sent++;
    this.frame(frames.DATA, flags, stream, bytes, start, end);
  }

  frame(
    type: number,
    flags: number,
    stream: number,
    payload?: Uint8Array,
    start?: number,
    end?: number,
  ): void {
    this.#output.frame(type, flags, stream, payload, start, end);
    if (this.#isFlushDue) return;
    this.#isFlushDue = true;
    flushSoon(this);
  }

  number(type: number, stream: number, value: number): void {
    const payload = new Uint8Array(4);
    frames.writeUint32(payload, 0, value);
    this.frame(type, 0, stream, payload);
  }

  /** A peer that wants a smaller table expects to be told that nothing of it is used. */
  shrinkTable(): void {
    this.#mustShrinkTable = true;
  }

  /** Has the stream tried again when there is room. */
  wait(stream: Stream): void {
    this.#waiting.add(stream);
  }

  forget(stream: Stream): void {
    this.#waiting.delete(stream);
  }

  /** There may be room again: whoever waits sends what it can. The first goes to the end, so that all get their turn. */
  pump(): void {
    for (const stream of [...this.#waiting]) {
      if (this.window <= 0 || this.isFull) return;
      this.#waiting.delete(stream);
      stream.pump();
    }
  }

  #continued(stream: number, block: Uint8Array, endStream: number): void {
    for (let at = 0; at < block.length; at += frames.LARGEST_FRAME) {
      const to = Math.min(at + frames.LARGEST_FRAME, block.length);
      const flags = to === block.length ? frames.END_HEADERS : 0;
      if (at === 0) this.frame(frames.HEADERS, flags | endStream, stream, block, at, to);
      else this.frame(frames.CONTINUATION, flags, stream, block, at, to);
    }
  }
}

/** The instruction of HPACK that empties the table. */
const SMALLEST_TABLE = Buffer.of(0x20);

let due: Outbound[] = [];

/** What is sent by many, one after the other, on the same connections, becomes one write for each of these. */
function flushSoon(outbound: Outbound): void {
  if (due.push(outbound) === 1) queueMicrotask(flushAll);
}

function flushAll(): void {
  const all = due;
  due = [];
  for (const outbound of all) outbound.flush();
}

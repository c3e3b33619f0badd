import { CANCEL, FLOW_CONTROL_ERROR, NO_ERROR, PROTOCOL_ERROR } from './errors.ts';
import { DATA, END_STREAM, LARGEST_FRAME, LARGEST_WINDOW, RST_STREAM, WINDOW_UPDATE } from './frames.ts';
import { HeldBytes } from './held-bytes.ts';
import type { Outbound } from './outbound.ts';
import type { RequestHead } from './request-head.ts';

/** How much of a body may be under way before whoever takes it has taken it. */
export const STREAM_WINDOW = 262_144;

/** An answer of which the peer has taken nothing for so long is given up. */
const UNREAD_MS = 30_000;
/**
 * So long the rest of a request is read that was answered already: some clients look at an answer only when they have
 * sent everything, and a reset would overtake it. While a connection is drained nothing else is waited for longer.
 */
const LINGER_MS = 2_000;

/** Whom a stream tells what arrives. Nothing of it may throw. */
export interface StreamOwner {
  /** A piece of the body, which may be kept. Not called while the stream is paused. */
  data(bytes: Uint8Array): void;
  /** The request is complete. Not called while the stream is paused. */
  end(): void;
  /** All that waited was sent. Called only after `write` returned false. */
  drained(): void;
  /** The peer gave the stream up, or is gone. Nothing is called after it, and it is not called after the answer's end. */
  reset(): void;
}

/** Answered to its end, reset by this end, or given up by the peer. */
export type Ending = 'answered' | 'reset' | 'left';

/** What a stream needs of its connection. */
export interface StreamHost {
  readonly outbound: Outbound;
  /** The other end of the connection. */
  readonly address: string;
  /** When the connection was last looked at, in milliseconds. */
  readonly lookedAt: number;
  /** So many bytes arrived for a stream that takes nothing at present, or are taken after all (below zero). */
  hold(bytes: number): void;
  /** The stream is over. */
  close(stream: Stream, how: Ending): void;
  /** The peer broke a rule that is about this stream only. */
  offended(): void;
}

const NOBODY: StreamOwner = {
  data: () => undefined,
  end: () => undefined,
  drained: () => undefined,
  reset: () => undefined,
};

/** One request and its answer. Owners call its functions at any time: what comes too late does nothing. */
export class Stream {
  readonly id: number;
  readonly head: RequestHead;
  readonly #host: StreamHost;
  #owner: StreamOwner = NOBODY;
  /** How much the peer takes. Below zero after it has changed its mind. */
  #window: number;
  /** What waits to be sent; of the first, `#sent` bytes were. */
  #queue: Uint8Array[] | undefined;
  #sent = 0;
  #trailers: Uint8Array | undefined;
  #received = 0;
  /** What arrived, padding included, since the peer's window was opened last; and of that, while nobody took it. */
  #taken = 0;
  #heldLength = 0;
  #held: HeldBytes | undefined;
  #isPaused = false;
  #isEndHeld = false;
  #hasRequestEnded = false;
  /** Nothing is added to the answer any more. */
  #isEnding = false;
  #hasEnded = false;
  #isClosed = false;
  /** When something was last seen to move after the end of the answer, or in the drain; below zero before. */
  #movedAt = -1;

  constructor(id: number, head: RequestHead, host: StreamHost) {
    this.id = id;
    this.head = head;
    this.#host = host;
    this.#window = host.outbound.initialWindow;
  }

  /** The other end of the connection. */
  get address(): string {
    return this.#host.address;
  }

  /** Whether all of the request has arrived. */
  get hasRequestEnded(): boolean {
    return this.#hasRequestEnded;
  }

  /** To be called as soon as the stream is there. */
  own(owner: StreamOwner): void {
    this.#owner = owner;
  }

  /** Sends the headers. With `isLast` nothing follows them. */
  respond(block: Uint8Array, isLast = false): void {
    if (this.#isEnding) return;
    this.#host.outbound.headers(this.id, block, isLast);
    if (isLast) this.#ended();
  }

  /** Sends bytes, to which nobody may write any more. False: not all could be sent, and the owner is told when they were. */
  write(bytes: Uint8Array): boolean {
    if (this.#isEnding || bytes.length === 0) return true;
    this.#add(bytes);
    return this.#queue === undefined;
  }

  /** Ends the answer, with bytes before its end and trailers behind them if there are any. */
  end(bytes?: Uint8Array, trailers?: Uint8Array): void {
    if (this.#isEnding) return;
    this.#isEnding = true;
    this.#owner = NOBODY;
    this.#movedAt = this.#host.lookedAt;
    this.#trailers = trailers;
    this.resume();
    if (bytes !== undefined && bytes.length > 0) this.#add(bytes);
    else if (this.#queue === undefined) this.#finish();
  }

  /** Nothing more is handed over, and the peer's window is opened no further. */
  pause(): void {
    this.#isPaused = true;
  }

  /** Hands over what has arrived meanwhile, before it returns. */
  resume(): void {
    if (!this.#isPaused) return;
    this.#isPaused = false;
    const held = this.#held;
    this.#letGo();
    this.#openWindow();
    if (held !== undefined) this.#owner.data(held.all());
    // Whoever took that may have had enough.
    if (!this.#isEndHeld || this.#isPaused) return;
    this.#isEndHeld = false;
    this.#owner.end();
  }

  /** Gives the stream up. The owner is not told. */
  reset(code: number): void {
    if (this.#isClosed) return;
    this.#host.outbound.number(RST_STREAM, this.id, code);
    this.#close('reset');
  }

  /** For the connection: DATA arrived, which takes up `length` of the window, with padding. */
  receive(bytes: Uint8Array, length: number): void {
    this.#received += bytes.length;
    this.#taken += length;
    const { contentLength } = this.head;
    if (this.#taken > STREAM_WINDOW) this.offend(FLOW_CONTROL_ERROR);
    else if (contentLength !== undefined && this.#received > contentLength) this.offend(PROTOCOL_ERROR);
    else if (!this.#isPaused) {
      this.#openWindow();
      if (bytes.length > 0) this.#owner.data(bytes);
    } else if (length > 0) {
      this.#heldLength += length;
      this.#host.hold(length);
      this.#held ??= new HeldBytes();
      this.#held.add(bytes);
    }
  }

  /** For the connection: nothing more arrives. */
  endRequest(): void {
    const { contentLength } = this.head;
    if (contentLength !== undefined && this.#received !== contentLength) {
      this.offend(PROTOCOL_ERROR);
      return;
    }
    this.#hasRequestEnded = true;
    this.#isEndHeld = this.#isPaused;
    if (this.#hasEnded) this.#close('answered');
    else if (!this.#isPaused) this.#owner.end();
  }

  /** For the connection: the peer opened the window further, or made all windows smaller. False: beyond what there is. */
  grow(bytes: number): boolean {
    this.#window += bytes;
    if (this.#window > LARGEST_WINDOW) return false;
    if (bytes > 0 && this.#queue !== undefined) this.pump();
    return true;
  }

  /** For the connection: sends what can be sent of what waits. */
  pump(): void {
    if (this.#queue === undefined || !this.#sendQueue()) return;
    if (this.#isEnding) this.#finish();
    else this.#owner.drained();
  }

  /** For the connection: the peer is gone, or gave the stream up. */
  leave(): void {
    const owner = this.#owner;
    this.#close('left');
    owner.reset();
  }

  /** For the connection: ends a stream that broke a rule. */
  offend(code: number): void {
    const owner = this.#owner;
    this.reset(code);
    owner.reset();
    this.#host.offended();
  }

  /** For the connection: gives up what nobody waits for any more. */
  look(isDraining: boolean): void {
    const { lookedAt } = this.#host;
    const isOpenEnded = isDraining && !this.#hasRequestEnded;
    if (!this.#isEnding && !isOpenEnded) return;
    if (this.#movedAt < 0) this.#movedAt = lookedAt;
    const patienceMs = this.#hasEnded || isDraining ? LINGER_MS : UNREAD_MS;
    if (lookedAt - this.#movedAt < patienceMs) return;
    const owner = this.#owner;
    this.reset(this.#hasEnded ? NO_ERROR : CANCEL);
    owner.reset();
  }

  #add(bytes: Uint8Array): void {
    if (this.#queue !== undefined) {
      this.#queue.push(bytes);
      return;
    }
    const sent = this.#send(bytes, 0, this.#isEnding);
    if (sent === bytes.length) {
      if (this.#isEnding) this.#finish();
      return;
    }
    this.#queue = [bytes];
    this.#sent = sent;
    this.#host.outbound.wait(this);
  }

  /** True once nothing waits any more. */
  #sendQueue(): boolean {
    const queue = this.#queue ?? [];
    for (let next = queue[0]; next !== undefined; next = queue[0]) {
      this.#sent = this.#send(next, this.#sent, this.#isEnding && queue.length === 1);
      if (this.#sent < next.length) {
        this.#host.outbound.wait(this);
        return false;
      }
      queue.shift();
      this.#sent = 0;
    }
    this.#queue = undefined;
    this.#host.outbound.forget(this);
    return true;
  }

  /** Returns how many bytes have been sent, `from` included. */
  #send(bytes: Uint8Array, from: number, isLast: boolean): number {
    const { outbound } = this.#host;
    let at = from;
    while (at < bytes.length) {
      const room = Math.min(this.#window, outbound.window, LARGEST_FRAME);
      if (room <= 0 || outbound.isFull) break;
      const to = Math.min(at + room, bytes.length);
      const endsHere = isLast && to === bytes.length && this.#trailers === undefined;
      outbound.data(this.id, endsHere ? END_STREAM : 0, bytes, at, to);
      if (endsHere) this.#hasEnded = true;
      this.#window -= to - at;
      at = to;
    }
    if (at > from && this.#isEnding) this.#movedAt = this.#host.lookedAt;
    return at;
  }

  /** All of the answer but its end was sent, and perhaps that too. */
  #finish(): void {
    const { outbound } = this.#host;
    if (this.#trailers !== undefined) outbound.headers(this.id, this.#trailers, true);
    else if (!this.#hasEnded) outbound.frame(DATA, END_STREAM, this.id);
    this.#ended();
  }

  #ended(): void {
    this.#isEnding = true;
    this.#hasEnded = true;
    this.#owner = NOBODY;
    this.#movedAt = this.#host.lookedAt;
    if (this.#hasRequestEnded) this.#close('answered');
    else this.resume();
  }

  #openWindow(): void {
    if (this.#taken < STREAM_WINDOW / 2 || this.#hasRequestEnded || this.#isClosed) return;
    this.#host.outbound.number(WINDOW_UPDATE, this.id, this.#taken);
    this.#taken = 0;
  }

  #close(how: Ending): void {
    this.#isClosed = true;
    this.#isEnding = true;
    this.#owner = NOBODY;
    this.#queue = undefined;
    this.#letGo();
    this.#host.outbound.forget(this);
    this.#host.close(this, how);
  }

  /** Holds nothing any more. */
  #letGo(): void {
    this.#held = undefined;
    if (this.#heldLength > 0) this.#host.hold(-this.#heldLength);
    this.#heldLength = 0;
  }
}

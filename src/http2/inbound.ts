import { Conduct } from './conduct.ts';
import * as errors from './errors.ts';
import { ConnectionError } from './errors.ts';
import * as frames from './frames.ts';
import { type Block, HeaderIntake } from './header-intake.ts';
import { InboundWindow } from './inbound-window.ts';
import type { Outbound } from './outbound.ts';
import { checkPriority, demandLength, unpaddedEnd } from './payload.ts';
import { RecentStreams } from './recent-streams.ts';
import type { HeadLimits } from './request-head.ts';
import { readSettings } from './settings.ts';
import { type Ending, Stream, type StreamHost } from './stream.ts';

export interface InboundOptions extends HeadLimits {
  readonly maxStreams: number;
  /** Never goes backwards. */
  readonly now: () => number;
  /** A request has begun. Must not throw, and must not keep the stream waiting for an owner. */
  readonly onStream: (stream: Stream) => void;
}

/** What a connection is told by its frames. */
export interface InboundEvents {
  readonly address: () => string;
  /** The peer makes no more calls, or knows that it should not. */
  readonly onGoodbye: () => void;
  /** The last open stream has ended. */
  readonly onEmpty: () => void;
}

/** What each SETTINGS frame costs, compared with others that do nothing: it may change the windows of all streams. */
const SETTINGS_COST = 10;
/** In the ping that follows a goodbye: with its answer all calls are there that the peer made before it knew. */
export const GOODBYE = Buffer.from('goodbye!');

/** What arrives on a connection, and the streams that it is about. Throws a ConnectionError for what must not arrive. */
export class Inbound implements StreamHost {
  readonly outbound: Outbound;
  /** Kept up by the connection. */
  lookedAt: number;
  /** Refuses new streams. */
  isClosing = false;
  readonly #options: InboundOptions;
  readonly #events: InboundEvents;
  readonly #streams = new Map<number, Stream>();
  readonly #recent = new RecentStreams();
  readonly #headers: HeaderIntake;
  readonly #conduct: Conduct;
  readonly #window = new InboundWindow();
  #lastStream = 0;
  /** Those that were refused included. */
  #highestStream = 0;
  /** Of the header block that has begun. */
  #blockStream = 0;
  #doesBlockEnd = false;
  #isGreeted = false;

  constructor(outbound: Outbound, options: InboundOptions, events: InboundEvents) {
    this.outbound = outbound;
    this.lookedAt = options.now();
    this.#options = options;
    this.#events = events;
    this.#headers = new HeaderIntake(options);
    this.#conduct = new Conduct(options.now);
  }

  get address(): string {
    return this.#events.address();
  }

  /** Those that are open. */
  get streams(): ReadonlyMap<number, Stream> {
    return this.#streams;
  }

  /** The last that was let in. */
  get lastStream(): number {
    return this.#lastStream;
  }

  /** The peer has sent its settings. */
  get isGreeted(): boolean {
    return this.#isGreeted;
  }

  /** A header block has begun and not ended. */
  get isBlockOpen(): boolean {
    return this.#headers.isOpen;
  }

  hold(bytes: number): void {
    this.#window.hold(bytes);
    if (bytes < 0) this.#openWindow();
  }

  offended(): void {
    this.#conduct.reset();
  }

  close(stream: Stream, how: Ending): void {
    this.#streams.delete(stream.id);
    this.#recent.add(stream.id, how === 'reset');
    if (how === 'answered') this.#conduct.finished();
    if (this.#streams.size === 0) this.#events.onEmpty();
  }

  /** Takes a frame, whose payload is between `start` and `end`. */
  take(type: number, flags: number, stream: number, bytes: Buffer, start: number, end: number): void {
    if (!this.#isGreeted && type !== frames.SETTINGS) throw broken('the first frame has no settings');
    if (this.#headers.isOpen && (type !== frames.CONTINUATION || stream !== this.#blockStream))
      throw broken('a header block is interrupted');
    if (type === frames.DATA) this.#takeData(flags, stream, bytes, start, end);
    else if (type === frames.HEADERS) this.#takeHeaders(flags, stream, bytes, start, end);
    else if (type === frames.CONTINUATION) this.#takeContinuation(flags, bytes, start, end);
    else if (type === frames.RST_STREAM) this.#takeReset(stream, end - start);
    else this.#takeControl(type, flags, stream, bytes, start, end);
  }

  #takeControl(type: number, flags: number, stream: number, bytes: Buffer, start: number, end: number): void {
    if (type === frames.PUSH_PROMISE) throw broken('a client promises nothing');
    if (type === frames.PRIORITY) {
      demandLength(end - start, frames.PRIORITY_BYTES);
      checkPriority(ofStream(stream), bytes, start, end);
    }
    if (type === frames.SETTINGS) this.#takeSettings(flags, stream, bytes, start, end);
    else if (type === frames.WINDOW_UPDATE) this.#takeWindow(stream, bytes, start, end);
    else if (type === frames.PING) this.#takePing(flags, stream, bytes.subarray(start, end));
    else if (type === frames.GOAWAY) this.#takeGoaway(stream, end - start);
    else this.#idle();
  }

  /** A frame has brought nothing. */
  #idle(cost = 1): void {
    this.#conduct.idle(this.outbound.sent, cost);
  }

  #takeData(flags: number, stream: number, bytes: Buffer, start: number, end: number): void {
    const length = end - start;
    const isLast = (flags & frames.END_STREAM) !== 0;
    const isPadded = (flags & frames.PADDED) !== 0;
    const to = isPadded ? unpaddedEnd(bytes, start, end) : end;
    this.#window.receive(length);
    if (length === 0 && !isLast) this.#idle();
    else this.#conduct.useful();
    const found = this.#find(stream);
    if (found === undefined) this.#takeLate(stream);
    else if (found.hasRequestEnded) found.offend(errors.STREAM_CLOSED);
    else {
      found.receive(bytes.subarray(isPadded ? start + 1 : start, to), length);
      if (isLast && this.#streams.has(stream)) found.endRequest();
    }
    this.#openWindow();
  }

  /** DATA for a stream that is no more. What was sent before the peer could know means nothing. */
  #takeLate(stream: number): void {
    if (this.#recent.wasReset(stream)) return;
    this.#idle();
    this.outbound.number(frames.RST_STREAM, stream, errors.STREAM_CLOSED);
  }

  #takeHeaders(flags: number, stream: number, bytes: Buffer, start: number, end: number): void {
    if (stream % 2 === 0) throw broken('clients have streams of odd numbers');
    const isPadded = (flags & frames.PADDED) !== 0;
    const to = isPadded ? unpaddedEnd(bytes, start, end) : end;
    let from = isPadded ? start + 1 : start;
    if ((flags & frames.HAS_PRIORITY) !== 0) from = checkPriority(stream, bytes, from, to);
    if (stream <= this.#highestStream && !this.#streams.has(stream) && !this.#recent.wasReset(stream)) {
      const what = 'headers for a stream that is closed';
      throw this.#recent.hasEnded(stream) ? new ConnectionError(errors.STREAM_CLOSED, what) : broken(what);
    }
    this.#blockStream = stream;
    this.#doesBlockEnd = (flags & frames.END_STREAM) !== 0;
    this.#takeBlock(flags, bytes, from, to);
  }

  #takeContinuation(flags: number, bytes: Buffer, start: number, end: number): void {
    if (!this.#headers.isOpen) throw broken('nothing is there to be continued');
    this.#takeBlock(flags, bytes, start, end);
  }

  #takeBlock(flags: number, bytes: Buffer, start: number, end: number): void {
    const block = this.#headers.take(bytes, start, end, (flags & frames.END_HEADERS) !== 0);
    if (block === undefined) return;
    this.#conduct.useful();
    const stream = this.#streams.get(this.#blockStream);
    if (stream !== undefined) this.#takeTrailers(stream, block);
    else if (this.#blockStream > this.#highestStream) this.#open(block);
  }

  #takeTrailers(stream: Stream, { trailersProblem }: Block): void {
    if (stream.hasRequestEnded) stream.offend(errors.STREAM_CLOSED);
    else if (trailersProblem !== errors.NO_ERROR) stream.offend(trailersProblem);
    else if (!this.#doesBlockEnd) stream.offend(errors.PROTOCOL_ERROR);
    else stream.endRequest();
  }

  #open({ head, problem }: Block): void {
    const id = this.#blockStream;
    const isRefused = this.#streams.size >= this.#options.maxStreams || this.isClosing;
    this.#highestStream = id;
    if (!this.isClosing) this.#lastStream = id;
    if (head === undefined || isRefused) {
      this.outbound.number(frames.RST_STREAM, id, isRefused ? errors.REFUSED_STREAM : problem);
      this.#recent.add(id, true);
      this.#conduct.reset();
      return;
    }
    const stream = new Stream(id, head, this);
    this.#streams.set(id, stream);
    this.#options.onStream(stream);
    if (this.#doesBlockEnd && this.#streams.has(id)) stream.endRequest();
  }

  #takeSettings(flags: number, stream: number, bytes: Buffer, start: number, end: number): void {
    if (stream !== 0) throw broken('settings are about the connection');
    if ((flags & frames.ACK) !== 0) {
      demandLength(end - start, 0);
      this.#idle();
      return;
    }
    demandLength((end - start) % 6, 0);
    this.#idle(SETTINGS_COST);
    this.#isGreeted = true;
    const { initialWindow, headerTable } = readSettings(bytes, start, end);
    if (headerTable !== undefined && headerTable < frames.DEFAULT_TABLE_BYTES) this.outbound.shrinkTable();
    this.outbound.frame(frames.SETTINGS, frames.ACK, 0);
    if (initialWindow === undefined) return;
    const growth = initialWindow - this.outbound.initialWindow;
    this.outbound.initialWindow = initialWindow;
    for (const each of [...this.#streams.values()]) if (!each.grow(growth)) throw tooWide();
  }

  #takeWindow(stream: number, bytes: Buffer, start: number, end: number): void {
    demandLength(end - start, 4);
    const increment = frames.readUint31(bytes, start);
    this.#idle();
    if (stream !== 0) {
      const found = this.#find(stream);
      if (increment === 0) found?.offend(errors.PROTOCOL_ERROR);
      else if (found?.grow(increment) === false) found.offend(errors.FLOW_CONTROL_ERROR);
      return;
    }
    if (increment === 0) throw broken('a window is opened by nothing');
    this.outbound.window += increment;
    if (this.outbound.window > frames.LARGEST_WINDOW) throw tooWide();
    this.outbound.pump();
  }

  #takeReset(stream: number, length: number): void {
    demandLength(length, 4);
    const found = this.#find(ofStream(stream));
    if (found === undefined) {
      this.#idle();
      return;
    }
    found.leave();
    this.#conduct.reset();
  }

  #takePing(flags: number, stream: number, payload: Buffer): void {
    if (stream !== 0) throw broken('a ping is about the connection');
    demandLength(payload.length, 8);
    if ((flags & frames.ACK) === 0) {
      this.#conduct.ping(this.outbound.sent);
      this.outbound.frame(frames.PING, frames.ACK, 0, payload);
      return;
    }
    this.#idle();
    if (payload.equals(GOODBYE)) this.#events.onGoodbye();
  }

  /** The peer makes no more calls. Those that run are answered. */
  #takeGoaway(stream: number, length: number): void {
    if (stream !== 0 || length < 8) throw broken('this is no way to say goodbye');
    this.#events.onGoodbye();
  }

  /** Undefined for a stream that is no more. Throws for one that never was. */
  #find(stream: number): Stream | undefined {
    const found = this.#streams.get(stream);
    if (found === undefined && (stream === 0 || stream > this.#highestStream))
      throw broken('there is no such stream');
    return found;
  }

  #openWindow(): void {
    const increment = this.#window.increment();
    if (increment > 0) this.outbound.number(frames.WINDOW_UPDATE, 0, increment);
  }
}

function ofStream(stream: number): number {
  if (stream === 0) throw broken('this is about no stream');
  return stream;
}

function broken(what: string): ConnectionError {
  return new ConnectionError(errors.PROTOCOL_ERROR, what);
}

function tooWide(): ConnectionError {
  return new ConnectionError(errors.FLOW_CONTROL_ERROR, 'no window is that large');
}

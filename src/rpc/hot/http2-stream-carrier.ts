import { constants, type ServerHttp2Stream } from 'node:http2';
import { releaseUnread } from './http2-carrier.ts';
import type { StreamCarrier, StreamExchange } from './stream-exchange.ts';

/** How long the end of an answer may lie unread. */
const UNREAD_MS = 2_000;
const END = { endStream: true };
const TRAILERS_FOLLOW = { waitForTrailers: true };

/** Connects a stream with the streaming call that it carries. */
export function carryStream(
  stream: ServerHttp2Stream,
  open: (carrier: StreamCarrier) => StreamExchange,
): void {
  const exchange = open(new Http2StreamCarrier(stream));
  stream.on('data', (chunk: Uint8Array) => exchange.take(chunk));
  stream.on('end', () => exchange.requestEnded());
  stream.on('drain', () => exchange.drained());
  stream.on('aborted', () => exchange.leave());
  stream.on('close', () => exchange.leave());
  exchange.start();
}

class Http2StreamCarrier implements StreamCarrier {
  readonly #stream: ServerHttp2Stream;

  constructor(stream: ServerHttp2Stream) {
    this.#stream = stream;
  }

  address(): string {
    return this.#stream.session?.socket.remoteAddress ?? '';
  }

  respond(headers: Readonly<Record<string, string>>, isLast: boolean): void {
    if (this.#isGone()) return;
    this.#stream.respond(headers, isLast ? END : TRAILERS_FOLLOW);
    if (isLast) this.#letGo();
  }

  write(bytes: Uint8Array): boolean {
    return this.#isGone() || this.#stream.write(bytes);
  }

  finish(trailers: Readonly<Record<string, string>>): void {
    if (this.#isGone()) return;
    const stream = this.#stream;
    stream.on('wantTrailers', () => stream.sendTrailers(trailers));
    stream.end();
    this.#letGo();
  }

  hold(): void {
    this.#stream.pause();
  }

  release(): void {
    this.#stream.resume();
  }

  terminate(): void {
    this.#stream.close();
  }

  /** What is still to come of the request is of no interest any more, but has to be read for the stream to end. */
  #letGo(): void {
    const stream = this.#stream;
    stream.resume();
    if (!stream.readableEnded) releaseUnread(stream);
    // Whoever does not read would be waited for, for ever.
    const timer = setTimeout(() => stream.close(constants.NGHTTP2_CANCEL), UNREAD_MS).unref();
    stream.once('close', () => clearTimeout(timer));
  }

  #isGone(): boolean {
    return this.#stream.destroyed || this.#stream.closed || this.#stream.writableEnded;
  }
}

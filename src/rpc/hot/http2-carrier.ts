import { constants, type ServerHttp2Stream } from 'node:http2';
import type { CallHead } from './call-head.ts';
import { type Carrier, Exchange, type HotParts } from './exchange.ts';
import { type HttpAnswer, OK_TRAILERS } from './http-answer.ts';

const LINGER_MS = 1_000;
const END = { endStream: true };
const TRAILERS_FOLLOW = { waitForTrailers: true };

/**
 * Where a stream has its call until that is over. Node keeps streams for some time after their end, so nothing else of
 * a call may hang on one, and its listeners are the same for all.
 */
const CARRIED = Symbol('carried');

interface CarryingStream extends ServerHttp2Stream {
  [CARRIED]?: Exchange | undefined;
}

/** Has a stream carry a call. */
export function carryHttp2(stream: CarryingStream, parts: HotParts, head: CallHead): void {
  const exchange = new Exchange(parts, head, new StreamCarrier(stream));
  stream[CARRIED] = exchange;
  stream.on('data', onData);
  stream.on('end', onEnd);
  stream.on('aborted', onAborted);
  exchange.start();
}

function onData(this: CarryingStream, chunk: Uint8Array): void {
  this[CARRIED]?.take(chunk);
}

function onEnd(this: CarryingStream): void {
  this[CARRIED]?.end();
}

function onAborted(this: CarryingStream): void {
  this[CARRIED]?.leave();
  this[CARRIED] = undefined;
}

function onWantTrailers(this: ServerHttp2Stream): void {
  this.sendTrailers(OK_TRAILERS);
}

class StreamCarrier implements Carrier {
  readonly #stream: CarryingStream;

  constructor(stream: CarryingStream) {
    this.#stream = stream;
  }

  address(): string {
    return this.#stream.session?.socket.remoteAddress ?? '';
  }

  send({ status, headers, body, trailers }: HttpAnswer): void {
    const stream = this.#stream;
    stream[CARRIED] = undefined;
    if (stream.destroyed || stream.closed) return;
    const head = status === 200 ? headers : { ...headers, ':status': status };
    if (body === undefined) {
      stream.respond(head, END);
    } else if (trailers === undefined) {
      stream.respond(head);
      stream.end(body);
    } else {
      stream.respond(head, TRAILERS_FOLLOW);
      stream.on('wantTrailers', onWantTrailers);
      stream.end(body);
    }
    if (!stream.readableEnded) releaseUnread(stream);
  }
}

/**
 * Lets go of a request that was answered before all of it had arrived. It is read on for a moment: some clients look at
 * an answer only when they have sent everything, and a reset would overtake the trailers.
 */
export function releaseUnread(stream: ServerHttp2Stream): void {
  const timer = setTimeout(() => stream.close(constants.NGHTTP2_NO_ERROR), LINGER_MS).unref();
  stream.once('close', () => clearTimeout(timer));
}

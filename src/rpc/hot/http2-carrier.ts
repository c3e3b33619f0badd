import { constants, type ServerHttp2Stream } from 'node:http2';
import type { CallHead } from './call-head.ts';
import { type Carrier, Exchange, type HotParts } from './exchange.ts';
import type { HttpAnswer } from './http-answer.ts';

const LINGER_MS = 1_000;
const END = { endStream: true };
const TRAILERS_FOLLOW = { waitForTrailers: true };

/** Has a stream carry a call. */
export function carryHttp2(stream: ServerHttp2Stream, parts: HotParts, head: CallHead): void {
  // Node keeps a stream for some time after its end, and nothing of the call is to be kept with it.
  let exchange: Exchange | undefined;
  const carrier: Carrier = {
    address: () => stream.session?.socket.remoteAddress ?? '',
    send: (answer) => {
      exchange = undefined;
      send(stream, answer);
    },
  };
  exchange = new Exchange(parts, head, carrier);
  stream.on('data', (chunk: Uint8Array) => exchange?.take(chunk));
  stream.on('end', () => exchange?.end());
  stream.on('aborted', () => {
    exchange?.leave();
    exchange = undefined;
  });
  exchange.start();
}

function send(stream: ServerHttp2Stream, { status, headers, body, trailers }: HttpAnswer): void {
  if (stream.destroyed || stream.closed) return;
  const head = status === 200 ? headers : { ...headers, ':status': status };
  if (body === undefined) {
    stream.respond(head, END);
  } else if (trailers === undefined) {
    stream.respond(head);
    stream.end(body);
  } else {
    stream.respond(head, TRAILERS_FOLLOW);
    stream.on('wantTrailers', () => stream.sendTrailers(trailers));
    stream.end(body);
  }
  if (!stream.readableEnded) releaseUnread(stream);
}

/**
 * Lets go of a request that was answered before all of it had arrived. It is read on for a moment: some clients look at
 * an answer only when they have sent everything, and a reset would overtake the trailers.
 */
export function releaseUnread(stream: ServerHttp2Stream): void {
  const timer = setTimeout(() => stream.close(constants.NGHTTP2_NO_ERROR), LINGER_MS).unref();
  stream.once('close', () => clearTimeout(timer));
}

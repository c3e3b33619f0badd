import type { Stream, StreamOwner } from '../../http2/stream.ts';
import { blockOf, trailersOf } from '../header-blocks.ts';
import type { CallHead } from './call-head.ts';
import { type Carrier, Exchange, type HotParts } from './exchange.ts';
import type { HttpAnswer } from './http-answer.ts';

/** Has a stream carry a call. */
export function carryHttp2(stream: Stream, parts: HotParts, head: CallHead): void {
  new Http2Carrier(stream, parts, head).start();
}

class Http2Carrier implements Carrier, StreamOwner {
  readonly #stream: Stream;
  readonly #exchange: Exchange;

  constructor(stream: Stream, parts: HotParts, head: CallHead) {
    this.#stream = stream;
    this.#exchange = new Exchange(parts, head, this);
  }

  start(): void {
    this.#stream.own(this);
    this.#exchange.start();
  }

  address(): string {
    return this.#stream.address;
  }

  send({ status, headers, body, trailers }: HttpAnswer): void {
    const block = blockOf(status, headers);
    if (body === undefined) {
      this.#stream.respond(block, true);
      return;
    }
    this.#stream.respond(block);
    this.#stream.end(body, trailers && trailersOf(trailers));
  }

  data(bytes: Uint8Array): void {
    this.#exchange.take(bytes);
  }

  end(): void {
    this.#exchange.end();
  }

  drained(): void {
    // What is sent at once is sent at the end, and nobody waits for that.
  }

  reset(): void {
    this.#exchange.leave();
  }
}

import { CANCEL } from '../../http2/errors.ts';
import type { Stream, StreamOwner } from '../../http2/stream.ts';
import { blockOf, trailersOf } from '../header-blocks.ts';
import type { CallHead } from './call-head.ts';
import type { HotParts } from './exchange.ts';
import { type StreamCarrier, StreamExchange } from './stream-exchange.ts';
import type { StreamMethod } from './stream-method.ts';

/** Has a stream carry a streaming call. */
export function carryStream(stream: Stream, parts: HotParts, head: CallHead<StreamMethod>): void {
  new Http2StreamCarrier(stream, parts, head).start();
}

class Http2StreamCarrier implements StreamCarrier, StreamOwner {
  readonly #stream: Stream;
  readonly #exchange: StreamExchange;

  constructor(stream: Stream, parts: HotParts, head: CallHead<StreamMethod>) {
    this.#stream = stream;
    this.#exchange = new StreamExchange(parts, head, this);
  }

  start(): void {
    this.#stream.own(this);
    this.#exchange.start();
  }

  address(): string {
    return this.#stream.address;
  }

  respond(headers: Readonly<Record<string, string>>, isLast: boolean): void {
    this.#stream.respond(blockOf(200, headers), isLast);
  }

  write(bytes: Uint8Array): boolean {
    return this.#stream.write(bytes);
  }

  finish(trailers: Readonly<Record<string, string>>): void {
    this.#stream.end(undefined, trailersOf(trailers));
  }

  hold(): void {
    this.#stream.pause();
  }

  release(): void {
    this.#stream.resume();
  }

  terminate(): void {
    this.#stream.reset(CANCEL);
  }

  data(bytes: Uint8Array): void {
    this.#exchange.take(bytes);
  }

  end(): void {
    this.#exchange.requestEnded();
  }

  drained(): void {
    this.#exchange.drained();
  }

  reset(): void {
    this.#exchange.leave();
  }
}

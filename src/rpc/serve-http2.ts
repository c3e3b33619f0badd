import { Code, ConnectError } from '@connectrpc/connect';
import { CANCEL, INTERNAL_ERROR } from '../http2/errors.ts';
import { headerBlock, trailerBlock } from '../http2/header-block.ts';
import type { RequestHead } from '../http2/request-head.ts';
import type { Stream, StreamOwner } from '../http2/stream.ts';
import { encodeHead } from './header-blocks.ts';
import type { HttpHandler, HttpRequest, HttpResponse } from './http-exchange.ts';

/** Has a handler answer a stream of HTTP/2. */
export function serveHttp2(stream: Stream, handler: HttpHandler): void {
  const call = new Http2Call(stream);
  stream.own(call);
  call.answer(handler).catch(() => stream.reset(INTERNAL_ERROR));
}

/** For whoever sends a large body only when it is wanted. */
const CONTINUE = headerBlock(100, []);

class Http2Call implements StreamOwner {
  readonly #stream: Stream;
  readonly #left = new AbortController();
  readonly #chunks: Uint8Array[] = [];
  #isComplete = false;
  #isGone = false;
  /** Whoever waits for something to arrive, and for room to write. */
  #arrived = () => {};
  #hasRoom = () => {};

  constructor(stream: Stream) {
    this.#stream = stream;
  }

  async answer(handler: HttpHandler): Promise<void> {
    if (this.#stream.head.get('expect') === '100-continue') this.#stream.respond(CONTINUE);
    await this.#send(await handler(this.#request()));
  }

  data(bytes: Uint8Array): void {
    this.#chunks.push(bytes);
    this.#stream.pause();
    this.#arrived();
  }

  end(): void {
    this.#isComplete = true;
    this.#arrived();
  }

  drained(): void {
    this.#hasRoom();
  }

  reset(): void {
    this.#isGone = true;
    this.#left.abort(new ConnectError('the caller left', Code.Canceled));
    this.#arrived();
    this.#hasRoom();
  }

  #request(): HttpRequest {
    const { head, address } = this.#stream;
    return {
      ...{ httpVersion: '2.0', method: head.method, target: head.path, authority: head.authority, address },
      scheme: head.scheme === 'https' ? 'https' : 'http',
      header: headersOf(head),
      body: this.#body(),
      signal: this.#left.signal,
      terminate: () => {
        this.#stream.reset(CANCEL);
        this.reset();
      },
    };
  }

  async *#body(): AsyncGenerator<Uint8Array> {
    for (;;) {
      const chunk = this.#chunks.shift();
      if (chunk !== undefined) yield chunk;
      else if (this.#isComplete) return;
      else if (this.#isGone) throw new Error('the caller left');
      else {
        const { promise, resolve } = Promise.withResolvers<void>();
        this.#arrived = resolve;
        this.#stream.resume();
        await promise;
      }
    }
  }

  async #send(answer: HttpResponse): Promise<void> {
    const stream = this.#stream;
    const { status, header, body } = answer;
    const chunks = body?.[Symbol.asyncIterator]();
    try {
      // Headers may be added until there is something to follow them.
      let chunk = await chunks?.next();
      const isEmpty = (chunk === undefined || chunk.done === true) && answer.trailer === undefined;
      const isHeadOnly = stream.head.method === 'HEAD';
      stream.respond(encodeHead(status, header ?? []), isEmpty || isHeadOnly);
      for (; chunk !== undefined && chunk.done !== true; chunk = await chunks?.next()) {
        if (!stream.write(chunk.value)) await this.#room();
        if (this.#isGone) return;
      }
      // Trailers are complete once the body is.
      const { trailer } = answer;
      stream.end(undefined, trailer && trailerBlock(trailer));
    } finally {
      chunks?.return?.().catch(() => undefined);
    }
  }

  async #room(): Promise<void> {
    const { promise, resolve } = Promise.withResolvers<void>();
    this.#hasRoom = resolve;
    await promise;
  }
}

function headersOf(head: RequestHead): Headers {
  const header = new Headers(head.fields.map(({ name, value }): [string, string] => [name, value]));
  if (head.repeats('authorization')) header.delete('authorization');
  return header;
}

import { once } from 'node:events';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { Code, ConnectError } from '@connectrpc/connect';
import { repeats } from './admit.ts';
import type { HttpHandler, HttpRequest } from './http-exchange.ts';

/** Has a handler answer a request over HTTP/1.1. */
export function serveHttp1(request: IncomingMessage, response: ServerResponse, handler: HttpHandler): void {
  const left = new AbortController();
  response.once('close', () => {
    if (!response.writableFinished) left.abort(new ConnectError('the caller left', Code.Canceled));
  });
  // Who was answered before all of the request had arrived may be reading the answer only after sending the rest.
  response.once('finish', () => {
    if (!request.complete) request.resume();
  });
  answer(request, response, left.signal, handler).catch(() => response.destroy());
}

function requestOf(request: IncomingMessage, response: ServerResponse, signal: AbortSignal): HttpRequest {
  const { socket, headers, httpVersion, method = '', url: target = '' } = request;
  let header: Headers | undefined;
  return {
    ...{ httpVersion, method, target, authority: headers.host, signal },
    scheme: 'encrypted' in socket ? 'https' : 'http',
    get header() {
      header ??= headersOf(request);
      return header;
    },
    // Leaving it early must not destroy the connection, and the refusal with it.
    body: { [Symbol.asyncIterator]: () => request.iterator({ destroyOnReturn: false }) },
    address: socket.remoteAddress ?? '',
    terminate: () => response.destroy(),
  };
}

/** As Node reads them: of some that come twice it keeps the first. */
function headersOf({ headers, rawHeaders }: IncomingMessage): Headers {
  const header = new Headers();
  for (const [name, value] of Object.entries(headers))
    for (const each of Array.isArray(value) ? value : [value ?? '']) header.append(name, each);
  if (repeats(rawHeaders, 'authorization')) header.delete('authorization');
  return header;
}

async function answer(
  request: IncomingMessage,
  response: ServerResponse,
  signal: AbortSignal,
  handler: HttpHandler,
): Promise<void> {
  const answered = await handler(requestOf(request, response, signal));
  const { status, header, body } = answered;
  const chunks = body?.[Symbol.asyncIterator]();
  try {
    // Headers may be added until there is something to follow them.
    let chunk = await chunks?.next();
    response.writeHead(status, [...(header ?? [])].flat());
    for (; chunk !== undefined && chunk.done !== true; chunk = await chunks?.next()) {
      if (!response.write(chunk.value)) await room(response);
      if (response.destroyed) return;
    }
    // Trailers are complete once the body is.
    const { trailer } = answered;
    if (trailer !== undefined) response.addTrailers([...trailer]);
    response.end();
  } finally {
    chunks?.return?.().catch(() => undefined);
  }
}

async function room(response: ServerResponse): Promise<void> {
  if (response.destroyed) return;
  const left = new AbortController();
  const { signal } = left;
  await Promise.race([once(response, 'drain', { signal }), once(response, 'close', { signal })]);
  left.abort();
}

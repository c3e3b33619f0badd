import type { IncomingMessage, ServerResponse } from 'node:http';
import type { CallHead } from './call-head.ts';
import { Exchange, type HotParts } from './exchange.ts';

/** Has a request over HTTP/1.1 carry a call. */
export function carryHttp1(
  request: IncomingMessage,
  response: ServerResponse,
  parts: HotParts,
  head: CallHead,
): void {
  const exchange = new Exchange(parts, head, {
    address: () => request.socket.remoteAddress ?? '',
    send: ({ status, headers, body }) => {
      if (response.destroyed) return;
      response.writeHead(status, headers);
      response.end(body);
    },
  });
  request.on('data', (chunk: Uint8Array) => exchange.take(chunk));
  request.on('end', () => exchange.end());
  response.on('close', () => exchange.leave());
  exchange.start();
}

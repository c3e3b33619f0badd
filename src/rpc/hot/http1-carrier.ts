import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Carrier, Exchange } from './exchange.ts';

/** Connects a request over HTTP/1.1 with the call that it carries. */
export function carryHttp1(
  request: IncomingMessage,
  response: ServerResponse,
  open: (carrier: Carrier) => Exchange,
): void {
  const exchange = open({
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

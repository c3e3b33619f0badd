import type { IncomingMessage, ServerResponse } from 'node:http';
import { repeats } from '../admit.ts';
import type { CallHead, HeadFields } from './call-head.ts';
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

/** The header fields of a request over HTTP/1.1. Of some that come twice Node keeps the first. */
export function fieldsOf({ headers, rawHeaders }: IncomingMessage): HeadFields {
  return {
    get: (name) => {
      const value = headers[name];
      return typeof value === 'string' ? value : value?.join(', ');
    },
    repeats: (name) => repeats(rawHeaders, name),
  };
}

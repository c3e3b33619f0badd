import type * as http from 'node:http';
import type { Socket } from 'node:net';
import type { ConnectionLimits } from './listen.ts';

/** How long the rest of a request is waited for once the port is drained. */
const LINGER_MS = 2_000;

/** The connections of HTTP/1.1 on one port. */
export interface Http1Port {
  /** Takes a socket over, of which the first bytes may have been read already. */
  accept(socket: Socket, first: Buffer): void;
  /** Ends idle connections now, busy ones when they fall idle, and before long those that never finish a request. */
  drain(): void;
}

/**
 * Takes Node's module as CommonJS has it: an import reads all that it exports, WebSocket among it, and with that come
 * HTTP/2, TLS and half a browser, 15 MB of them.
 */
export function createHttp1Port(limits: ConnectionLimits, onRequest: http.RequestListener): Http1Port {
  const running = new Map<Socket, Set<http.IncomingMessage>>();
  let draining = false;
  const server = process.getBuiltinModule('node:http').createServer({
    maxHeaderSize: limits.maxHeaderBytes,
    // Node insists on an order that nobody who sets the two would expect.
    headersTimeout: Math.min(limits.firstBytesTimeoutMs, limits.requestTimeoutMs),
    requestTimeout: limits.requestTimeoutMs,
    connectionsCheckingInterval: 1_000,
    keepAliveTimeout: limits.idleConnectionMs,
  });
  server.on('request', (request, response) => {
    const { socket } = request;
    const requests = running.get(socket);
    requests?.add(request);
    if (draining) response.setHeader('connection', 'close');
    response.once('close', () => {
      requests?.delete(request);
      if (draining && requests?.size === 0) socket.destroySoon();
    });
    onRequest(request, response);
  });
  // Timeouts of a http.Server are only watched from its 'listening' event on, and this one never listens.
  server.emit('listening');
  const cutUnfinished = (): void => {
    for (const [socket, requests] of running)
      if ([...requests].some(({ complete }) => !complete)) socket.destroy();
  };
  return {
    accept: (socket, first) => {
      running.set(socket, new Set());
      socket.once('close', () => running.delete(socket));
      if (first.length > 0) socket.unshift(first);
      server.emit('connection', socket);
    },
    drain: () => {
      draining = true;
      for (const [socket, requests] of running) if (requests.size === 0) socket.destroySoon();
      setTimeout(cutUnfinished, LINGER_MS).unref();
      server.close();
    },
  };
}

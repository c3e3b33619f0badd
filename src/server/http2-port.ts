import type { Socket } from 'node:net';
import type { Connection, ConnectionOptions } from '../http2/connection.ts';
import { serveSocket } from '../http2/serve-socket.ts';

/** How often connections are looked at, at most and at least. */
const LOOK_EVERY_MS = 1_000;
const LOOKS_IN_A_TIME = 4;

/** The connections of HTTP/2 on one port. */
export interface Http2Port {
  /** Takes a socket over, of which the first bytes may have been read already. */
  accept(socket: Socket, first: Buffer): void;
  /** Has every connection end when its calls have. */
  drain(): void;
}

/** One timer looks after all connections, until the last has closed. */
export function createHttp2Port(options: ConnectionOptions): Http2Port {
  const connections = new Set<Connection>();
  const everyMs = Math.ceil(
    Math.min(LOOK_EVERY_MS, Math.min(options.patienceMs, options.idleMs) / LOOKS_IN_A_TIME),
  );
  let timer: NodeJS.Timeout | undefined;
  // What has arrived but was not read yet, because this process was busy, is read first.
  const look = () =>
    void setImmediate(() => {
      for (const connection of connections) connection.look();
    });
  return {
    accept: (socket, first) => {
      const connection = serveSocket(socket, first, options);
      connections.add(connection);
      timer ??= setInterval(look, everyMs).unref();
      socket.once('close', () => {
        connections.delete(connection);
        if (connections.size > 0) return;
        clearInterval(timer);
        timer = undefined;
      });
    },
    drain: () => {
      for (const connection of connections) connection.drain();
    },
  };
}

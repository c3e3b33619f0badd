import type { Socket } from 'node:net';
import { Connection, type ConnectionOptions } from './connection.ts';

/** Has a socket carry a connection, whose first bytes may have been read already. Errors of the socket are its owner's. */
export function serveSocket(socket: Socket, first: Buffer, options: ConnectionOptions): Connection {
  const connection = new Connection(socket, options);
  socket.on('data', (chunk: Buffer) => connection.read(chunk));
  socket.on('drain', () => connection.drained());
  socket.on('end', () => connection.closed());
  socket.on('close', () => connection.closed());
  if (first.length > 0) connection.read(first);
  return connection;
}

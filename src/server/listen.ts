import type { IncomingMessage, ServerResponse } from 'node:http';
import * as net from 'node:net';
import type * as tls from 'node:tls';
import type { ConnectionOptions } from '../http2/connection.ts';
import type { Stream } from '../http2/stream.ts';
import type { HttpHandler } from '../rpc/http-exchange.ts';
import { serveHttp1 } from '../rpc/serve-http1.ts';
import { serveHttp2 } from '../rpc/serve-http2.ts';
import { createHttp1Port, type Http1Port } from './http1-port.ts';
import { createHttp2Port, type Http2Port } from './http2-port.ts';
import { sniffProtocol } from './sniff.ts';

// One port speaks HTTP/1.1 and HTTP/2, with or without TLS. The front server only accepts sockets, and hands each to
// whoever speaks what it speaks.

/** What one peer may take. Times are how long a peer may be silent or unfinished before it is cut off. */
export interface ConnectionLimits {
  readonly maxConnections: number;
  readonly maxStreamsPerConnection: number;
  readonly maxHeaderBytes: number;
  /** From the socket to its first bytes, to a finished TLS handshake, and to the end of HTTP/1.1 headers. */
  readonly firstBytesTimeoutMs: number;
  /** From the first byte of an HTTP/1.1 request to its last. Answers may take as long as they like. */
  readonly requestTimeoutMs: number;
  /** A connection on which nothing runs is closed after this long. */
  readonly idleConnectionMs: number;
}

export interface TlsMaterial {
  readonly cert: Buffer;
  readonly key: Buffer;
  /** When set, clients must show a certificate that one of these signed. */
  readonly clientCa?: Buffer;
}

export interface ListenOptions {
  readonly host: string;
  /** 0 takes any free port. */
  readonly port: number;
  readonly limits: ConnectionLimits;
  readonly tls?: TlsMaterial;
  /** Lets several processes share the port. */
  readonly reusePort?: boolean;
  readonly onRequest: HttpHandler;
  /** Sees streams of HTTP/2 before `onRequest` does. Answers one itself and returns true, or leaves it untouched. */
  readonly onStream?: (stream: Stream) => boolean;
  /** The same for requests over HTTP/1.1. */
  readonly onHttp1?: (request: IncomingMessage, response: ServerResponse) => boolean;
  /** Told about connections that failed: scanners, broken peers, attacks. Never a reason to stop. */
  readonly onConnectionError?: (error: Error) => void;
}

export interface Listener {
  readonly host: string;
  readonly port: number;
  /** Open connections. */
  connections(): number;
  /** Accepts no more, tells HTTP/2 peers to go away, and resolves when the last running call has ended. */
  close(): Promise<void>;
  /** Cuts every connection now. */
  destroy(): void;
}

/** Resolves when the port is open; rejects when it cannot be (in use, not permitted, bad certificate). */
export async function listen(options: ListenOptions): Promise<Listener> {
  const { limits, onRequest, onStream, onHttp1, onConnectionError } = options;
  const sockets = new Set<net.Socket>();
  const entrance = createEntrance(
    createHttp1Port(limits, (request, response) => {
      if (onHttp1?.(request, response) !== true) serveHttp1(request, response, onRequest);
    }),
    createHttp2Port({
      ...http2Limits(limits),
      now: () => performance.now(),
      onStream: (stream) => {
        if (onStream?.(stream) !== true) serveHttp2(stream, onRequest);
      },
      onError: (error) => onConnectionError?.(error),
    }),
  );
  const front: net.Server = await (options.tls === undefined
    ? cleartextFront(limits, entrance)
    : tlsFront(options, options.tls, entrance));
  front.maxConnections = limits.maxConnections;
  front.on('connection', (socket) => {
    sockets.add(socket);
    entrance.expect(socket);
    socket.once('close', () => sockets.delete(socket));
    socket.on('error', (error) => onConnectionError?.(error));
  });
  await opened(front, options);
  const address = front.address();
  const port = address !== null && typeof address === 'object' ? address.port : options.port;
  return {
    host: options.host,
    port,
    connections: () => sockets.size,
    close: async () => {
      const closed = new Promise<void>((resolve) => front.close(() => resolve()));
      entrance.drain();
      await closed;
    },
    destroy: () => {
      front.close();
      entrance.drain();
      for (const socket of sockets) socket.destroy();
    },
  };
}

function http2Limits(limits: ConnectionLimits): Omit<ConnectionOptions, 'now' | 'onStream' | 'onError'> {
  return {
    maxStreams: limits.maxStreamsPerConnection,
    maxHeaderBytes: limits.maxHeaderBytes,
    maxHeaderFields: MAX_HEADER_FIELDS,
    patienceMs: limits.firstBytesTimeoutMs,
    idleMs: limits.idleConnectionMs,
  };
}

const MAX_HEADER_FIELDS = 64;

/** Where sockets are until it is known what they speak. */
interface Entrance {
  /** A socket is there, which may say nothing yet. */
  expect(socket: net.Socket): void;
  /** Hands over a socket that speaks. */
  admit(protocol: 'h2' | 'http/1.1', socket: net.Socket, first: Buffer): void;
  /** Ends what says nothing, and has both protocols end what they have. */
  drain(): void;
}

function createEntrance(http1: Http1Port, http2: Http2Port): Entrance {
  /** By the other end: with TLS, another socket speaks than the one that came. */
  const silent = new Map<string, net.Socket>();
  return {
    expect: (socket) => {
      const peer = peerOf(socket);
      silent.set(peer, socket);
      socket.once('close', () => silent.delete(peer));
    },
    admit: (protocol, socket, first) => {
      silent.delete(peerOf(socket));
      (protocol === 'h2' ? http2 : http1).accept(socket, first);
    },
    drain: () => {
      for (const socket of silent.values()) socket.destroy();
      http1.drain();
      http2.drain();
    },
  };
}

function peerOf({ remoteAddress, remotePort }: net.Socket): string {
  return `${remoteAddress} ${remotePort}`;
}

/** A machine that lost its power says nothing: the kernel asks, and ends the connection when nobody answers. */
const KEEP_ALIVE = { keepAlive: true, keepAliveInitialDelay: 60_000 };

function cleartextFront({ firstBytesTimeoutMs }: ConnectionLimits, entrance: Entrance): net.Server {
  return net.createServer({ noDelay: true, ...KEEP_ALIVE }, (socket) => {
    sniffProtocol(socket, firstBytesTimeoutMs, (protocol, first) => entrance.admit(protocol, socket, first));
  });
}

/** TLS is loaded by those who use it. */
async function tlsFront(
  options: ListenOptions,
  material: TlsMaterial,
  entrance: Entrance,
): Promise<tls.Server> {
  const { createServer } = await import('node:tls');
  const { limits, onConnectionError } = options;
  const mutual =
    material.clientCa === undefined
      ? {}
      : { ca: material.clientCa, requestCert: true, rejectUnauthorized: true };
  const front = createServer({
    cert: material.cert,
    key: material.key,
    ...mutual,
    noDelay: true,
    ...KEEP_ALIVE,
    minVersion: 'TLSv1.2',
    handshakeTimeout: limits.firstBytesTimeoutMs,
    ALPNProtocols: ['h2', 'http/1.1'],
  });
  front.on('tlsClientError', (error) => onConnectionError?.(error));
  front.on('secureConnection', (socket) => {
    socket.on('error', (error) => onConnectionError?.(error));
    entrance.admit(socket.alpnProtocol === 'h2' ? 'h2' : 'http/1.1', socket, Buffer.alloc(0));
  });
  return front;
}

function opened(front: net.Server, { host, port, reusePort }: ListenOptions): Promise<void> {
  return new Promise((resolve, reject) => {
    front.once('error', reject);
    front.listen({ host, port, reusePort: reusePort ?? false }, () => {
      front.off('error', reject);
      front.on('error', () => undefined);
      resolve();
    });
  });
}

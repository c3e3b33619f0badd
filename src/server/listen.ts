import * as http from 'node:http';
import * as http2 from 'node:http2';
import * as net from 'node:net';
import * as tls from 'node:tls';
import { guardSession, http2Options } from './http2-guard.ts';
import { sniffProtocol } from './sniff.ts';

// One port speaks HTTP/1.1 and HTTP/2, with or without TLS. The front server only accepts sockets; the two servers
// behind it never listen and are handed each socket as their own 'connection'.

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

export type HttpRequest = http.IncomingMessage | http2.Http2ServerRequest;
export type HttpResponse = http.ServerResponse | http2.Http2ServerResponse;
export type HttpHandler = (request: HttpRequest, response: HttpResponse) => void;

/** Answers an HTTP/2 stream itself and returns true, or leaves it untouched and returns false. */
export type StreamHandler = (
  stream: http2.ServerHttp2Stream,
  headers: http2.IncomingHttpHeaders,
  flags: number,
  rawHeaders: readonly string[],
) => boolean;

export interface ListenOptions {
  readonly host: string;
  /** 0 takes any free port. */
  readonly port: number;
  readonly limits: ConnectionLimits;
  readonly tls?: TlsMaterial;
  /** Lets several processes share the port. */
  readonly reusePort?: boolean;
  readonly onRequest: HttpHandler;
  /** Sees HTTP/2 streams before `onRequest` does. */
  readonly onStream?: StreamHandler;
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
  const sockets = new Set<net.Socket>();
  const h1 = createHttp1(options);
  const h2 = createHttp2(options);
  const front =
    options.tls === undefined ? cleartextFront(options, h1, h2) : tlsFront(options, options.tls, h1, h2);
  front.maxConnections = options.limits.maxConnections;
  front.on('connection', (socket) => {
    sockets.add(socket);
    socket.once('close', () => sockets.delete(socket));
    socket.on('error', (error) => options.onConnectionError?.(error));
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
      h1.drain();
      h2.drain();
      await closed;
    },
    destroy: () => {
      front.close();
      h1.drain();
      for (const socket of sockets) socket.destroy();
    },
  };
}

interface InnerServer {
  accept(socket: net.Socket): void;
  /** Ends idle connections now and busy ones when they fall idle. */
  drain(): void;
}

function createHttp1({ limits, onRequest }: ListenOptions): InnerServer {
  const running = new Map<net.Socket, number>();
  let draining = false;
  const server = http.createServer({
    maxHeaderSize: limits.maxHeaderBytes,
    // Node insists on an order that nobody who sets the two would expect.
    headersTimeout: Math.min(limits.firstBytesTimeoutMs, limits.requestTimeoutMs),
    requestTimeout: limits.requestTimeoutMs,
    connectionsCheckingInterval: 1_000,
    keepAliveTimeout: limits.idleConnectionMs,
  });
  server.on('request', (request, response) => {
    const { socket } = request;
    running.set(socket, (running.get(socket) ?? 0) + 1);
    if (draining) response.setHeader('connection', 'close');
    response.once('close', () => {
      const left = (running.get(socket) ?? 1) - 1;
      running.set(socket, left);
      if (draining && left === 0) socket.end();
    });
    onRequest(request, response);
  });
  // Timeouts of a http.Server are only watched from its 'listening' event on, and this one never listens.
  server.emit('listening');
  return {
    accept: (socket) => {
      running.set(socket, 0);
      socket.once('close', () => running.delete(socket));
      server.emit('connection', socket);
    },
    drain: () => {
      draining = true;
      for (const [socket, count] of running) if (count === 0) socket.end();
      server.close();
    },
  };
}

function createHttp2({ limits, onRequest, onStream, onConnectionError }: ListenOptions): InnerServer {
  const sessions = new Set<http2.Http2Session>();
  const server = http2.createServer(http2Options(limits));
  // Turns a stream into a request and a response; the public way to that is a server with a request listener.
  const compat = http2.createServer(onRequest);
  const onError = (error: Error) => onConnectionError?.(error);
  const onSession = (session: http2.ServerHttp2Session, socket: net.Socket): void => {
    const guard = guardSession(session, socket, limits);
    sessions.add(session);
    session.once('close', () => sessions.delete(session));
    session.on('error', onError);
    session.on('stream', (stream, headers, flags, rawHeaders) => {
      guard.opened(stream);
      stream.on('error', onError);
      if (onStream?.(stream, headers, flags, rawHeaders) === true) return;
      compat.emit('stream', stream, headers, flags, rawHeaders);
    });
  };
  return {
    accept: (socket) => {
      server.once('session', (session) => onSession(session, socket));
      server.emit('connection', socket);
    },
    drain: () => {
      for (const session of sessions) session.close();
    },
  };
}

/** A machine that lost its power says nothing: the kernel asks, and ends the connection when nobody answers. */
const KEEP_ALIVE = { keepAlive: true, keepAliveInitialDelay: 60_000 };

function cleartextFront({ limits }: ListenOptions, h1: InnerServer, h2: InnerServer): net.Server {
  return net.createServer({ noDelay: true, ...KEEP_ALIVE }, (socket) => {
    sniffProtocol(socket, limits.firstBytesTimeoutMs, (protocol) =>
      (protocol === 'h2' ? h2 : h1).accept(socket),
    );
  });
}

function tlsFront(
  options: ListenOptions,
  material: TlsMaterial,
  h1: InnerServer,
  h2: InnerServer,
): tls.Server {
  const { limits, onConnectionError } = options;
  const mutual =
    material.clientCa === undefined
      ? {}
      : { ca: material.clientCa, requestCert: true, rejectUnauthorized: true };
  const front = tls.createServer({
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
    (socket.alpnProtocol === 'h2' ? h2 : h1).accept(socket);
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

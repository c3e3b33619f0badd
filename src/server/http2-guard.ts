import { constants, type ServerHttp2Session, type ServerHttp2Stream, type ServerOptions } from 'node:http2';
import type { Socket } from 'node:net';
import { afterSilence } from './patience.ts';

const PING_INTERVAL_MS = 5_000;
const PING_STRIKES = 5;
/** How often a session is looked at while it idles. */
const IDLE_LOOKS = 4;
/** An acknowledgement of a ping is 17 bytes; more than two of them means that real data was sent in between. */
const PING_ANSWER_BYTES = 34;

/** A quarter of what a session may hold. */
const MOST_LOST_BYTES = 8 * 2 ** 20;

interface SessionLimits {
  readonly maxStreamsPerConnection: number;
  readonly maxHeaderBytes: number;
  readonly firstBytesTimeoutMs: number;
  readonly idleConnectionMs: number;
}

/** What nghttp2 and Node enforce by themselves, all of it explicit. */
export function http2Options(limits: SessionLimits): ServerOptions {
  return {
    settings: {
      maxConcurrentStreams: limits.maxStreamsPerConnection,
      maxHeaderListSize: limits.maxHeaderBytes,
      enableConnectProtocol: false,
    },
    maxHeaderListPairs: 64,
    maxSettings: 32,
    maxOutstandingPings: 10,
    maxSessionInvalidFrames: 50,
    maxSessionRejectedStreams: 50,
    maxSessionMemory: 32,
    streamResetBurst: 200,
    streamResetRate: 33,
    unknownProtocolTimeout: limits.firstBytesTimeoutMs,
  };
}

export interface SessionGuard {
  /** To be told of each stream. */
  opened(stream: ServerHttp2Stream): void;
}

/**
 * Watches what Node does not: a session that never finishes its opening, that idles, or that pings for the sake of
 * it. Pings every few seconds are fine, and so are any number of them while data flows.
 */
export function guardSession(
  session: ServerHttp2Session,
  socket: Socket,
  limits: SessionLimits,
): SessionGuard {
  requireSettings(session, limits.firstBytesTimeoutMs);
  limitPings(session, socket);
  const guards = [closeWhenIdle(session, limits.idleConnectionMs), retireWhenWorn(session)];
  return {
    opened(stream) {
      for (const guard of guards) guard.opened(stream);
    },
  };
}

function requireSettings(session: ServerHttp2Session, timeoutMs: number): void {
  const patience = afterSilence(timeoutMs, () => session.destroy());
  const stop = (): void => patience[Symbol.dispose]();
  session.once('remoteSettings', stop);
  session.once('close', stop);
}

/** Looks from time to time, for Node's own timeout of a session is set anew with every frame, which adds up. */
function closeWhenIdle(session: ServerHttp2Session, idleMs: number): SessionGuard {
  let open = 0;
  let count = 0;
  let lastCount = 0;
  let quietLooks = 0;
  const look = (): void => {
    quietLooks = open === 0 && count === lastCount ? quietLooks + 1 : 0;
    lastCount = count;
    if (quietLooks >= IDLE_LOOKS) session.close();
  };
  const timer = setInterval(look, Math.ceil(idleMs / IDLE_LOOKS)).unref();
  session.once('close', () => clearInterval(timer));
  const onClose = (): void => void open--;
  return {
    opened: (stream) => {
      open++;
      count++;
      stream.on('close', onClose);
    },
  };
}

/**
 * Node counts what a stream had not sent when it was reset against the session's memory for good, until it refuses all
 * streams and ends the connection with everything on it. Long before that the session takes no new streams: clients
 * open another connection for those, and what runs here runs on. (Of answers that had been written to their end Node
 * does not say how much was left.)
 */
function retireWhenWorn(session: ServerHttp2Session): SessionGuard {
  let lostBytes = 0;
  function onAborted(this: ServerHttp2Stream): void {
    lostBytes += this.writableLength;
    if (lostBytes > MOST_LOST_BYTES && !session.closed) session.close();
  }
  return { opened: (stream) => void stream.on('aborted', onAborted) };
}

function limitPings(session: ServerHttp2Session, socket: Socket): void {
  let lastAt = Number.NEGATIVE_INFINITY;
  let lastBytes = 0;
  let strikes = 0;
  session.on('ping', () => {
    const now = performance.now();
    const quiet = socket.bytesWritten - lastBytes <= PING_ANSWER_BYTES;
    strikes = quiet && now - lastAt < PING_INTERVAL_MS ? strikes + 1 : 0;
    lastAt = now;
    lastBytes = socket.bytesWritten;
    if (strikes < PING_STRIKES || session.destroyed) return;
    session.goaway(constants.NGHTTP2_ENHANCE_YOUR_CALM, 0, Buffer.from('too_many_pings'));
    setImmediate(() => session.destroy());
  });
}

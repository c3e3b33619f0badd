import { constants, type ServerHttp2Session, type ServerOptions } from 'node:http2';
import type { Socket } from 'node:net';
import { afterSilence } from './patience.ts';

const PING_INTERVAL_MS = 5_000;
const PING_STRIKES = 5;
/** An acknowledgement of a ping is 17 bytes; more than two of them means that real data was sent in between. */
const PING_ANSWER_BYTES = 34;

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

/**
 * Watches what Node does not: a session that never finishes its opening, that idles, or that pings for the sake of
 * it. Pings every few seconds are fine, and so are any number of them while data flows.
 */
export function guardSession(session: ServerHttp2Session, socket: Socket, limits: SessionLimits): void {
  requireSettings(session, limits.firstBytesTimeoutMs);
  closeWhenIdle(session, limits.idleConnectionMs);
  limitPings(session, socket);
}

function requireSettings(session: ServerHttp2Session, timeoutMs: number): void {
  const patience = afterSilence(timeoutMs, () => session.destroy());
  const stop = (): void => patience[Symbol.dispose]();
  session.once('remoteSettings', stop);
  session.once('close', stop);
}

function closeWhenIdle(session: ServerHttp2Session, idleMs: number): void {
  let open = 0;
  const onClose = () => void open--;
  session.on('stream', (stream) => {
    open++;
    stream.on('close', onClose);
  });
  const onTimeout = (): void => {
    if (open === 0) session.close();
    else session.setTimeout(idleMs);
  };
  session.setTimeout(idleMs, onTimeout);
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

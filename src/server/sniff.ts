import type { Socket } from 'node:net';
import { PREFACE } from '../http2/frames.ts';
import { afterSilence } from './patience.ts';

/** `PRI * HTTP/2.0`: no request of HTTP/1.1 begins like that. */
const TELLING_BYTES = 14;

/**
 * Tells which protocol a client opens with, and hands over what it has sent so far. A socket that does not say within the
 * time is destroyed, and `decided` is never called.
 */
export function sniffProtocol(
  socket: Socket,
  timeoutMs: number,
  decided: (protocol: 'h2' | 'http/1.1', first: Buffer) => void,
): void {
  let seen: Buffer = Buffer.alloc(0);
  const patience = afterSilence(timeoutMs, () => socket.destroy());
  const onReadable = (): void => {
    const chunk: Buffer | null = socket.read();
    if (chunk === null) return;
    seen = seen.length === 0 ? chunk : Buffer.concat([seen, chunk]);
    const length = Math.min(seen.length, TELLING_BYTES);
    const matches = seen.compare(PREFACE, 0, length, 0, length) === 0;
    if (matches && length < TELLING_BYTES) return;
    stop();
    decided(matches ? 'h2' : 'http/1.1', seen);
  };
  const stop = (): void => {
    patience[Symbol.dispose]();
    socket.off('readable', onReadable);
    socket.off('close', stop);
    socket.off('end', stop);
  };
  socket.on('readable', onReadable);
  socket.once('close', stop);
  socket.once('end', stop);
}

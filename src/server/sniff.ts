import type { Socket } from 'node:net';
import { afterSilence } from './patience.ts';

const PREFACE = Buffer.from('PRI * HTTP/2.0');

/**
 * Tells which protocol a client opens with and leaves every byte it sent in the socket. A socket that does not say
 * within the time is destroyed, and `decided` is never called.
 */
export function sniffProtocol(
  socket: Socket,
  timeoutMs: number,
  decided: (protocol: 'h2' | 'http/1.1') => void,
): void {
  let seen: Buffer = Buffer.alloc(0);
  const patience = afterSilence(timeoutMs, () => socket.destroy());
  const onReadable = (): void => {
    const chunk: Buffer | null = socket.read();
    if (chunk === null) return;
    seen = seen.length === 0 ? chunk : Buffer.concat([seen, chunk]);
    const length = Math.min(seen.length, PREFACE.length);
    const matches = seen.compare(PREFACE, 0, length, 0, length) === 0;
    if (matches && length < PREFACE.length) return;
    stop();
    socket.unshift(seen);
    decided(matches ? 'h2' : 'http/1.1');
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

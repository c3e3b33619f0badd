import type { Serializable } from 'node:child_process';

/** One end of a connection between two processes: messages arrive in order and once, none after it was closed. */
export interface Line {
  /** Never throws; what cannot be sent is dropped. */
  send(message: unknown): void;
  listen(listener: (message: unknown) => void): Disposable;
  isOpen(): boolean;
  /** Calls `listener` each time the line has opened again, or closed. */
  onTurn(listener: () => void): Disposable;
}

/** The part of `process`, or of a child, that a line needs. */
export interface IpcPeer {
  readonly connected: boolean;
  send?(message: Serializable, callback: (error: Error | null) => void): boolean;
  on(event: 'message', listener: (message: unknown) => void): unknown;
  on(event: 'disconnect', listener: () => void): unknown;
  off(event: 'message', listener: (message: unknown) => void): unknown;
  off(event: 'disconnect', listener: () => void): unknown;
}

/** What goes over a line, beside whatever else the two processes tell each other. */
const CHANNEL = 'vexil.line';

/** The line to a child process, or to the parent. It needs `serialization: 'advanced'`, and never opens again. */
export function processLine(peer: IpcPeer): Line {
  return {
    send: (message) => {
      const envelope = { channel: CHANNEL, message };
      if (peer.connected) peer.send?.(envelope as unknown as Serializable, () => undefined);
    },
    listen: (listener) => {
      const unpack = (received: unknown) => {
        if (isEnvelope(received)) listener(received.message);
      };
      peer.on('message', unpack);
      return { [Symbol.dispose]: () => void peer.off('message', unpack) };
    },
    isOpen: () => peer.connected,
    onTurn: (listener) => {
      peer.on('disconnect', listener);
      return { [Symbol.dispose]: () => void peer.off('disconnect', listener) };
    },
  };
}

function isEnvelope(value: unknown): value is { readonly message: unknown } {
  return typeof value === 'object' && value !== null && 'channel' in value && value.channel === CHANNEL;
}

/** Both ends of a line inside one process. */
export function linePair(): readonly [Line, Line] {
  const ends = [new Set<(message: unknown) => void>(), new Set<(message: unknown) => void>()] as const;
  const end = (own: (typeof ends)[number], others: (typeof ends)[number]): Line => ({
    send: (message) => {
      for (const listener of others)
        queueMicrotask(() => {
          if (others.has(listener)) listener(message);
        });
    },
    listen: (listener) => {
      const entry = (message: unknown) => listener(message);
      own.add(entry);
      return { [Symbol.dispose]: () => void own.delete(entry) };
    },
    isOpen: () => true,
    onTurn: () => ({ [Symbol.dispose]: () => undefined }),
  });
  return [end(ends[0], ends[1]), end(ends[1], ends[0])];
}

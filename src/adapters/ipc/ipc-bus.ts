import type { ChangeBus, ChangeNotice } from '../../ports/change-bus.ts';
import type { IpcMessage } from './ipc-message.ts';
import type { Line } from './line.ts';

export interface IpcBusOptions {
  /** Told what a subscriber threw. Default: nobody is. Must not throw. */
  readonly onError?: (error: unknown) => void;
}

/** The bus of one of several processes that share a port and a log, at the other end of a hub's line. */
export function createIpcBus(line: Line, { onError }: IpcBusOptions = {}): ChangeBus {
  const notices: Listeners<ChangeNotice> = new Set();
  const openings: Listeners<void> = new Set();
  let open = true;

  function callEach<T>(listeners: Listeners<T>, value: T): void {
    for (const entry of [...listeners]) {
      queueMicrotask(() => {
        if (!listeners.has(entry)) return;
        try {
          entry.listener(value);
        } catch (error) {
          onError?.(error);
        }
      });
    }
  }

  function listen<T>(listeners: Listeners<T>, listener: (value: T) => void): Disposable {
    const entry = { listener };
    if (open) listeners.add(entry);
    return { [Symbol.dispose]: () => void listeners.delete(entry) };
  }

  const listening = line.listen((received) => {
    const message = received as IpcMessage;
    if (message.kind === 'notice') callEach(notices, message.notice);
  });
  const turns = line.onTurn(() => {
    if (line.isOpen()) callEach(openings, undefined);
  });

  return {
    publish(notice) {
      if (!open) return;
      callEach(notices, notice);
      line.send({ kind: 'notice', notice } satisfies IpcMessage);
    },
    subscribe: (listener) => listen(notices, listener),
    connected: () => open && line.isOpen(),
    onConnected: (listener) => listen(openings, listener),
    async [Symbol.asyncDispose]() {
      open = false;
      listening[Symbol.dispose]();
      turns[Symbol.dispose]();
      notices.clear();
      openings.clear();
    },
  };
}

/** Objects of their own, so that one function can listen twice. */
type Listeners<T> = Set<{ readonly listener: (value: T) => void }>;

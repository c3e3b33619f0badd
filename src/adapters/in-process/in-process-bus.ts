import type { ChangeBus, ChangeNotice } from '../../ports/change-bus.ts';

/** Joins the buses of replicas that live in one process. */
export interface InProcessHub {
  /** A bus of one replica. Subscribers are called in the order in which they subscribed, after `publish` returned. */
  connect(): ChangeBus;
  /** Keeps the replicas from hearing of each other, as a network may, until the returned handle is disposed. */
  cut(): Disposable;
}

export interface InProcessBusOptions {
  /** Told what a subscriber threw. Default: nobody is. Must not throw. */
  readonly onError?: (error: unknown) => void;
}

/** The bus of a service that runs as one process. */
export function createInProcessBus(options?: InProcessBusOptions): ChangeBus {
  return createInProcessHub(options).connect();
}

export function createInProcessHub(options: InProcessBusOptions = {}): InProcessHub {
  const notices: Listeners<ChangeNotice> = new Set();
  const connections: Listeners<void> = new Set();
  let isCut = false;

  function callLater<T>(listeners: Listeners<T>, entry: Listening<T>, value: T): void {
    queueMicrotask(() => {
      if (!listeners.has(entry)) return;
      try {
        entry.listener(value);
      } catch (error) {
        options.onError?.(error);
      }
    });
  }

  function connect(): ChangeBus {
    const owner = Symbol();
    let open = true;

    function listen<T>(listeners: Listeners<T>, listener: (value: T) => void): Disposable {
      const entry = { owner, listener };
      if (open) listeners.add(entry);
      return { [Symbol.dispose]: () => void listeners.delete(entry) };
    }

    function forget<T>(listeners: Listeners<T>): void {
      for (const entry of listeners) if (entry.owner === owner) listeners.delete(entry);
    }

    return {
      publish(notice) {
        if (!open) return;
        for (const entry of notices) if (!isCut || entry.owner === owner) callLater(notices, entry, notice);
      },
      subscribe: (listener) => listen(notices, listener),
      connected: () => open && !isCut,
      onConnected: (listener) => listen(connections, listener),
      async [Symbol.asyncDispose]() {
        open = false;
        forget(notices);
        forget(connections);
      },
    };
  }

  return {
    connect,
    cut() {
      isCut = true;
      return {
        [Symbol.dispose]() {
          if (!isCut) return;
          isCut = false;
          for (const entry of connections) callLater(connections, entry, undefined);
        },
      };
    },
  };
}

type Listeners<T> = Set<Listening<T>>;

/** An object of its own, so that one function can listen twice. */
interface Listening<T> {
  readonly owner: symbol;
  readonly listener: (value: T) => void;
}

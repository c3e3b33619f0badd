import type { ChangeBus, ChangeNotice } from '../../ports/change-bus.ts';

/** Joins the buses of replicas that live in one process. */
export interface InProcessHub {
  /** A bus of one replica. Subscribers are called in the order in which they subscribed, after `publish` returned. */
  connect(): ChangeBus;
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
  const subscriptions = new Set<Subscription>();

  function deliver(notice: ChangeNotice, to: Subscription): void {
    if (!subscriptions.has(to)) return;
    try {
      to.listener(notice);
    } catch (error) {
      options.onError?.(error);
    }
  }

  function connect(): ChangeBus {
    const own = new Set<Subscription>();
    let open = true;

    function cancel(subscription: Subscription): void {
      own.delete(subscription);
      subscriptions.delete(subscription);
    }

    return {
      publish(notice) {
        if (!open) return;
        for (const subscription of subscriptions) queueMicrotask(() => deliver(notice, subscription));
      },
      subscribe(listener) {
        const subscription = { listener };
        if (open) {
          own.add(subscription);
          subscriptions.add(subscription);
        }
        return { [Symbol.dispose]: () => cancel(subscription) };
      },
      connected: () => open,
      async [Symbol.asyncDispose]() {
        open = false;
        for (const subscription of own) cancel(subscription);
      },
    };
  }

  return { connect };
}

/** An object of its own, so that one function can subscribe twice. */
interface Subscription {
  readonly listener: (notice: ChangeNotice) => void;
}

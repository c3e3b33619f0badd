import type { ChangeBus, ChangeNotice } from '../../ports/change-bus.ts';

export interface InProcessBusOptions {
  /** Told what a subscriber threw. Default: nobody is. Must not throw. */
  readonly onError?: (error: unknown) => void;
}

/**
 * A bus for a service that runs as one process. Subscribers are called in the order in which they subscribed, after
 * `publish` has returned; once disposed it reaches nobody.
 */
export function createInProcessBus(options: InProcessBusOptions = {}): ChangeBus {
  const subscriptions = new Set<Subscription>();
  let open = true;

  function deliver(notice: ChangeNotice, to: Subscription): void {
    if (!subscriptions.has(to)) return;
    try {
      to.listener(notice);
    } catch (error) {
      options.onError?.(error);
    }
  }

  return {
    publish(notice) {
      for (const subscription of subscriptions) queueMicrotask(() => deliver(notice, subscription));
    },
    subscribe(listener) {
      const subscription = { listener };
      if (open) subscriptions.add(subscription);
      return { [Symbol.dispose]: () => void subscriptions.delete(subscription) };
    },
    connected: () => open,
    async [Symbol.asyncDispose]() {
      open = false;
      subscriptions.clear();
    },
  };
}

/** An object of its own, so that the same function can subscribe twice. */
interface Subscription {
  readonly listener: (notice: ChangeNotice) => void;
}

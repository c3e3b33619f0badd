import type { HealthState } from '../rpc/health.ts';

/** Why this process should not be sent calls, if anything. The health service and /readyz tell the same. */
export interface Readiness extends HealthState {
  ready(): boolean;
  /** The reasons that hold now, sorted. */
  reasons(): readonly string[];
  /** A reason that holds from now on: `starting`, `draining`. */
  block(reason: string): void;
  unblock(reason: string): void;
}

/** Begins not ready, for the reason `starting`. `services` are those that health checks may name. */
export function createReadiness(services: readonly string[]): Readiness {
  const blocked = new Set(['starting']);
  const known = new Set(['', ...services]);
  const listeners = new Set<() => void>();
  const changed = (did: boolean): void => {
    if (did) for (const listener of listeners) listener();
  };
  return {
    ready: () => blocked.size === 0,
    reasons: () => [...blocked].sort(),
    block: (reason) => {
      const before = blocked.size;
      changed(blocked.add(reason).size > before);
    },
    unblock: (reason) => changed(blocked.delete(reason)),
    status: (service) => {
      if (!known.has(service)) return undefined;
      return blocked.size === 0 ? 'serving' : 'not_serving';
    },
    services: () => [...known],
    onChange: (listener) => {
      // Wrapped, so that one function subscribed twice is two subscriptions.
      const subscription = (): void => listener();
      listeners.add(subscription);
      return { [Symbol.dispose]: () => void listeners.delete(subscription) };
    },
  };
}

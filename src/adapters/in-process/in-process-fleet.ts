import { FlagError } from '../../core/errors.ts';
import type { Clock } from '../../ports/clock.ts';
import { type FleetRegistry, LIVE_MS, type ReplicaReport } from '../../ports/fleet-registry.ts';

/** Joins the registries of replicas that live in one process. */
export interface InProcessFleet {
  /** The registry as one replica has it. */
  connect(): FleetRegistry;
}

/** The registry of a service that runs as one process. */
export function createInProcessRegistry(clock: Clock): FleetRegistry {
  return createInProcessFleet(clock).connect();
}

export function createInProcessFleet(clock: Clock): InProcessFleet {
  const reports = new Map<string, { readonly report: ReplicaReport; readonly at: number }>();
  const listeners = new Set<{ readonly listener: () => void }>();

  function connect(): FleetRegistry {
    const own = new Set<{ readonly listener: () => void }>();
    let open = true;

    function checkOpen(): void {
      if (!open) throw new FlagError('unavailable', 'the registry is closed', { reason: 'REGISTRY_CLOSED' });
    }

    return {
      async report(report) {
        checkOpen();
        if ((reports.get(report.id)?.report.sequence ?? 0) > report.sequence) return;
        reports.set(report.id, { report, at: clock.monotonic() });
        for (const entry of listeners)
          queueMicrotask(() => {
            if (listeners.has(entry)) entry.listener();
          });
      },
      async leave(id) {
        checkOpen();
        reports.delete(id);
      },
      async members() {
        checkOpen();
        const now = clock.monotonic();
        for (const [id, { at }] of reports) if (now - at > LIVE_MS) reports.delete(id);
        return [...reports.values()].map(({ report, at }) => ({ report, ageMs: now - at }));
      },
      subscribe(listener) {
        const entry = { listener };
        own.add(entry);
        if (open) listeners.add(entry);
        return { [Symbol.dispose]: () => void listeners.delete(entry) };
      },
      async [Symbol.asyncDispose]() {
        open = false;
        for (const entry of own) listeners.delete(entry);
      },
    };
  }

  return { connect };
}

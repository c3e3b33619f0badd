import type { Catalog } from '../app/catalog.ts';
import type { ChangeBus } from '../ports/change-bus.ts';
import type { Metrics } from './metrics.ts';

/** What ties this process to others. */
export interface Links {
  readonly bus: Pick<ChangeBus, 'connected'>;
  /** How many messages came over the bus that nobody of this fleet can have sent. Undefined: there are none. */
  readonly ignored: (() => number) | undefined;
  /** By how much the clock of this machine is ahead of the one that replicas share. */
  readonly aheadMs: () => number;
}

/** Shows whether what this process shares with others is there, and as it should be. */
export function observeLinks(
  { links, catalog }: { readonly links: Links; readonly catalog: Pick<Catalog, 'isReachable'> },
  metrics: Pick<Metrics, 'gauge' | 'add'>,
): void {
  const { bus, ignored, aheadMs } = links;
  metrics.gauge('vexil.log_reachable', '1 if the log was reached when it was last tried, else 0.', () =>
    Number(catalog.isReachable),
  );
  metrics.gauge('vexil.bus_connected', '1 if notices of other replicas arrive, else 0.', () =>
    Number(bus.connected()),
  );
  metrics.gauge('vexil.clock_error', 'Milliseconds by which the clock of this machine is wrong.', () =>
    Math.abs(aheadMs()),
  );
  if (ignored !== undefined)
    metrics.add({
      name: 'vexil.bus_ignored',
      description: 'Messages on the bus that no replica of this fleet can have sent.',
      isTotal: true,
      read: ignored,
    });
}

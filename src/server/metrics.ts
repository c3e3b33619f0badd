import type { RecordCall } from '../rpc/telemetry-interceptor.ts';
import { createCallSeries } from './call-series.ts';
import type { MetricsPage } from './metrics-page.ts';
import { observeProcess } from './process-gauges.ts';

/** A number that is read at each scrape. */
export interface Gauge {
  /** As OpenTelemetry names things: `vexil.watchers`. */
  readonly name: string;
  readonly description: string;
  readonly unit?: string;
  /** A total that only grows. Default: it goes up and down. */
  readonly isTotal?: boolean;
  /** Tells gauges of one name apart: from a small fixed set. */
  readonly attributes?: Readonly<Record<string, string>>;
  /** Cheap, and never negative. */
  readonly read: () => number;
}

/** How often each of a few things has happened. */
export interface Counter {
  readonly name: string;
  readonly description: string;
  /** What tells them apart: the name of the attribute. */
  readonly label: string;
  readonly counts: ReadonlyMap<string, number>;
}

export interface Metrics {
  readonly recordCall: RecordCall;
  gauge(name: string, description: string, read: () => number): void;
  add(gauge: Gauge): void;
  /** Returns what counts one of the things, whose names are from a small fixed set. */
  counter(name: string, description: string, label: string): (thing: string) => void;
  /** Everything there is to know, in the text format of Prometheus. */
  text(): Promise<string>;
  close(): Promise<void>;
}

/** Measures the process and its event loop from now on. What writes the page is loaded when somebody looks at it. */
export function createMetrics(): Metrics {
  const calls = createCallSeries();
  const observed = observeProcess();
  const gauges: Gauge[] = [...observed.gauges];
  const counters: Counter[] = [];
  let page: Promise<MetricsPage> | undefined;
  return {
    recordCall: calls.record,
    gauge: (name, description, read) => void gauges.push({ name, description, read }),
    counter: (name, description, label) => {
      const counts = new Map<string, number>();
      counters.push({ name, description, label, counts });
      return (thing) => void counts.set(thing, (counts.get(thing) ?? 0) + 1);
    },
    add: (gauge) => void gauges.push(gauge),
    text: async () => {
      page ??= import('./metrics-page.ts').then(({ createMetricsPage }) =>
        createMetricsPage(calls, gauges, counters),
      );
      return await (await page).text();
    },
    close: async () => {
      observed[Symbol.dispose]();
      await (await page)?.close();
    },
  };
}

import { monitorEventLoopDelay, performance } from 'node:perf_hooks';
import type { Meter } from '@opentelemetry/api';
import { PrometheusExporter, PrometheusSerializer } from '@opentelemetry/exporter-prometheus';
import { resourceFromAttributes } from '@opentelemetry/resources';
import { MeterProvider } from '@opentelemetry/sdk-metrics';
import { ATTR_SERVICE_NAME } from '@opentelemetry/semantic-conventions';
import type { RecordCall } from '../rpc/telemetry-interceptor.ts';
import { createCallHistogram } from './call-histogram.ts';

/** What the instruments of this service are said to belong to. */
const SCOPE = 'vexil';

export interface Metrics {
  /** For instruments of one's own. Their attributes must come from a small fixed set. */
  readonly meter: Meter;
  readonly recordCall: RecordCall;
  /** A number that is read at each scrape. Cheap, never negative, and named `vexil.…`. */
  gauge(name: string, description: string, read: () => number): void;
  /** Everything there is to know, in the text format of Prometheus. */
  text(): Promise<string>;
  close(): Promise<void>;
}

/** Measures the process and its event loop from now on. */
export function createMetrics(): Metrics {
  const resource = resourceFromAttributes({ [ATTR_SERVICE_NAME]: 'vexil' });
  const calls = createCallHistogram(resource, SCOPE);
  const reader = new PrometheusExporter({ preventServerStart: true, metricProducers: [calls] });
  const provider = new MeterProvider({ readers: [reader], resource });
  const serializer = new PrometheusSerializer();
  const meter = provider.getMeter(SCOPE);
  const eventLoop = observeProcess(meter);
  return {
    meter,
    recordCall: calls.record,
    gauge: (name, description, read) => {
      meter.createObservableGauge(name, { description }).addCallback((result) => result.observe(read()));
    },
    text: async () => serializer.serialize((await reader.collect()).resourceMetrics),
    close: async () => {
      eventLoop[Symbol.dispose]();
      await provider.shutdown();
    },
  };
}

function observeProcess(meter: Meter): Disposable {
  const delay = monitorEventLoopDelay({ resolution: 10 });
  delay.enable();
  let utilization = performance.eventLoopUtilization();
  meter
    .createObservableGauge('process.memory.usage', { description: 'Resident memory.', unit: 'By' })
    .addCallback((result) => result.observe(process.memoryUsage.rss()));
  meter
    .createObservableGauge('v8js.memory.heap.used', { description: 'Memory of the heap in use.', unit: 'By' })
    .addCallback((result) => result.observe(process.memoryUsage().heapUsed));
  meter
    .createObservableGauge('process.uptime', { description: 'Time since the start.', unit: 's' })
    .addCallback((result) => result.observe(process.uptime()));
  meter
    .createObservableCounter('process.cpu.time', { description: 'Processor time used.', unit: 's' })
    .addCallback((result) => {
      const { user, system } = process.cpuUsage();
      result.observe(user / 1e6, { 'cpu.mode': 'user' });
      result.observe(system / 1e6, { 'cpu.mode': 'system' });
    });
  meter
    .createObservableGauge('nodejs.eventloop.delay.p99', {
      description: 'By how much the event loop was late since the last look, 99th percentile.',
      unit: 's',
    })
    .addCallback((result) => {
      result.observe(delay.count === 0 ? 0 : delay.percentile(99) / 1e9);
      delay.reset();
    });
  meter
    .createObservableGauge('nodejs.eventloop.utilization', {
      description: 'The share of time since the last look that the event loop was busy.',
      unit: '1',
    })
    .addCallback((result) => {
      const now = performance.eventLoopUtilization();
      result.observe(performance.eventLoopUtilization(now, utilization).utilization);
      utilization = now;
    });
  return { [Symbol.dispose]: () => void delay.disable() };
}

import { monitorEventLoopDelay, performance } from 'node:perf_hooks';
import type { Meter } from '@opentelemetry/api';
import { PrometheusExporter, PrometheusSerializer } from '@opentelemetry/exporter-prometheus';
import { resourceFromAttributes } from '@opentelemetry/resources';
import { MeterProvider } from '@opentelemetry/sdk-metrics';
import {
  ATTR_ERROR_TYPE,
  ATTR_RPC_METHOD,
  ATTR_RPC_STATUS_CODE,
  ATTR_RPC_SYSTEM_NAME,
  ATTR_SERVICE_NAME,
  METRIC_RPC_SERVER_CALL_DURATION,
} from '@opentelemetry/semantic-conventions';
import type { RecordCall } from '../rpc/telemetry-interceptor.ts';

const CALL_BUCKETS_S = [0.005, 0.01, 0.025, 0.05, 0.075, 0.1, 0.25, 0.5, 0.75, 1, 2.5, 5, 7.5, 10];

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
  const reader = new PrometheusExporter({ preventServerStart: true });
  const resource = resourceFromAttributes({ [ATTR_SERVICE_NAME]: 'vexil' });
  const provider = new MeterProvider({ readers: [reader], resource });
  const serializer = new PrometheusSerializer();
  const meter = provider.getMeter('vexil');
  const eventLoop = observeProcess(meter);
  return {
    meter,
    recordCall: callRecorder(meter),
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

function callRecorder(meter: Meter): RecordCall {
  const duration = meter.createHistogram(METRIC_RPC_SERVER_CALL_DURATION, {
    description: 'How long calls took.',
    unit: 's',
    advice: { explicitBucketBoundaries: CALL_BUCKETS_S },
  });
  return ({ system, method, status, errorType, durationMs }) =>
    duration.record(durationMs / 1_000, {
      [ATTR_RPC_SYSTEM_NAME]: system,
      [ATTR_RPC_METHOD]: method,
      [ATTR_RPC_STATUS_CODE]: status,
      ...(errorType === undefined ? {} : { [ATTR_ERROR_TYPE]: errorType }),
    });
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

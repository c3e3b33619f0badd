import { type Attributes, type HrTime, type Meter, ValueType } from '@opentelemetry/api';
import { PrometheusExporter, PrometheusSerializer } from '@opentelemetry/exporter-prometheus';
import { type Resource, resourceFromAttributes } from '@opentelemetry/resources';
import {
  AggregationTemporality,
  type DataPoint,
  DataPointType,
  type Histogram,
  type HistogramMetricData,
  MeterProvider,
  type MetricProducer,
} from '@opentelemetry/sdk-metrics';
import {
  ATTR_ERROR_TYPE,
  ATTR_RPC_METHOD,
  ATTR_RPC_STATUS_CODE,
  ATTR_RPC_SYSTEM_NAME,
  ATTR_SERVICE_NAME,
  METRIC_RPC_SERVER_CALL_DURATION,
} from '@opentelemetry/semantic-conventions';
import { BOUNDARIES_S, type CallSeries, type Series } from './call-series.ts';
import type { Counter, Gauge } from './metrics.ts';

/** What the instruments of this service are said to belong to. */
const SCOPE = 'vexil';
const DURATION = {
  name: METRIC_RPC_SERVER_CALL_DURATION,
  description: 'How long calls took.',
  unit: 's',
  valueType: ValueType.DOUBLE,
};

export interface MetricsPage {
  text(): Promise<string>;
  close(): Promise<void>;
}

/** The page of /metrics: OpenTelemetry's metrics in the text format of Prometheus. All of them have to be known by now. */
export function createMetricsPage(
  calls: CallSeries,
  gauges: readonly Gauge[],
  counters: readonly Counter[],
): MetricsPage {
  const resource = resourceFromAttributes({ [ATTR_SERVICE_NAME]: 'vexil' });
  const reader = new PrometheusExporter({
    preventServerStart: true,
    metricProducers: [producerOf(calls, resource)],
  });
  const provider = new MeterProvider({ readers: [reader], resource });
  const meter = provider.getMeter(SCOPE);
  for (const same of Map.groupBy(gauges, ({ name }) => name).values()) observe(meter, same);
  for (const counter of counters) observeCounter(meter, counter);
  const serializer = new PrometheusSerializer();
  return {
    text: async () => serializer.serialize((await reader.collect()).resourceMetrics),
    close: () => provider.shutdown(),
  };
}

function observe(meter: Meter, gauges: readonly Gauge[]): void {
  const [first] = gauges;
  if (first === undefined) return;
  const { name, description, unit } = first;
  const options = { description, ...(unit !== undefined && { unit }) };
  const instrument = first.isTotal
    ? meter.createObservableCounter(name, options)
    : meter.createObservableGauge(name, options);
  instrument.addCallback((result) => {
    for (const { read, attributes = {} } of gauges) result.observe(read(), attributes);
  });
}

function observeCounter(meter: Meter, { name, description, label, counts }: Counter): void {
  meter.createObservableCounter(name, { description }).addCallback((result) => {
    for (const [thing, count] of counts) result.observe(count, { [label]: thing });
  });
}

function producerOf({ all }: CallSeries, resource: Resource): MetricProducer {
  return {
    collect: async () => {
      const endTime = timeOf(Date.now());
      const metric: HistogramMetricData = {
        descriptor: DURATION,
        dataPointType: DataPointType.HISTOGRAM,
        aggregationTemporality: AggregationTemporality.CUMULATIVE,
        dataPoints: all.map((series) => dataPointOf(series, endTime)),
      };
      const scopeMetrics = all.length === 0 ? [] : [{ scope: { name: SCOPE }, metrics: [metric] }];
      return { resourceMetrics: { resource, scopeMetrics }, errors: [] };
    },
  };
}

function dataPointOf(
  { about, since, counts, count, sumSeconds }: Series,
  endTime: HrTime,
): DataPoint<Histogram> {
  const { system, method, status, errorType } = about;
  const attributes: Attributes = {
    [ATTR_RPC_SYSTEM_NAME]: system,
    [ATTR_RPC_METHOD]: method,
    [ATTR_RPC_STATUS_CODE]: status,
    ...(errorType === undefined ? {} : { [ATTR_ERROR_TYPE]: errorType }),
  };
  const buckets = { boundaries: [...BOUNDARIES_S], counts: [...counts] };
  return { attributes, startTime: timeOf(since), endTime, value: { buckets, count, sum: sumSeconds } };
}

function timeOf(epochMs: number): HrTime {
  return [Math.floor(epochMs / 1_000), (epochMs % 1_000) * 1_000_000];
}

import { type Attributes, type HrTime, ValueType } from '@opentelemetry/api';
import type { Resource } from '@opentelemetry/resources';
import {
  AggregationTemporality,
  type DataPoint,
  DataPointType,
  type Histogram,
  type HistogramMetricData,
  type MetricProducer,
} from '@opentelemetry/sdk-metrics';
import {
  ATTR_ERROR_TYPE,
  ATTR_RPC_METHOD,
  ATTR_RPC_STATUS_CODE,
  ATTR_RPC_SYSTEM_NAME,
  METRIC_RPC_SERVER_CALL_DURATION,
} from '@opentelemetry/semantic-conventions';
import type { CallRecord, RecordCall } from '../rpc/telemetry-interceptor.ts';

const BOUNDARIES_S = [0.005, 0.01, 0.025, 0.05, 0.075, 0.1, 0.25, 0.5, 0.75, 1, 2.5, 5, 7.5, 10];
const DESCRIPTOR = {
  name: METRIC_RPC_SERVER_CALL_DURATION,
  description: 'How long calls took.',
  unit: 's',
  valueType: ValueType.DOUBLE,
};

/** Calls of one method that went the same way. */
interface Series {
  readonly attributes: Attributes;
  readonly startTime: HrTime;
  readonly counts: number[];
  count: number;
  sum: number;
}

export interface CallHistogram extends MetricProducer {
  readonly record: RecordCall;
}

/**
 * How long calls took, in the buckets of OpenTelemetry. Its own histogram makes a text of all attributes for each call,
 * which takes longer than an evaluation; here a call costs a few look-ups.
 */
export function createCallHistogram(resource: Resource, scope: string): CallHistogram {
  const all: Series[] = [];
  const known = new Map<string, Map<string, Map<string, Series>>>();
  const seriesOf = (call: CallRecord): Series => {
    const byMethod = within(known, call.system, () => new Map());
    const byStatus = within(byMethod, call.method, () => new Map());
    return within(byStatus, call.status, () => {
      const series = newSeries(call);
      all.push(series);
      return series;
    });
  };
  return {
    record: (call) => {
      const seconds = call.durationMs / 1_000;
      const series = seriesOf(call);
      const bucket = bucketOf(seconds);
      series.counts[bucket] = (series.counts[bucket] ?? 0) + 1;
      series.count++;
      series.sum += seconds;
    },
    collect: async () => {
      const endTime = timeNow();
      const metric: HistogramMetricData = {
        descriptor: DESCRIPTOR,
        dataPointType: DataPointType.HISTOGRAM,
        aggregationTemporality: AggregationTemporality.CUMULATIVE,
        dataPoints: all.map((series) => dataPointOf(series, endTime)),
      };
      const scopeMetrics = all.length === 0 ? [] : [{ scope: { name: scope }, metrics: [metric] }];
      return { resourceMetrics: { resource, scopeMetrics }, errors: [] };
    },
  };
}

function within<V>(map: Map<string, V>, key: string, make: () => V): V {
  const found = map.get(key);
  if (found !== undefined) return found;
  const made = make();
  map.set(key, made);
  return made;
}

function newSeries({ system, method, status, errorType }: CallRecord): Series {
  const attributes = {
    [ATTR_RPC_SYSTEM_NAME]: system,
    [ATTR_RPC_METHOD]: method,
    [ATTR_RPC_STATUS_CODE]: status,
    ...(errorType === undefined ? {} : { [ATTR_ERROR_TYPE]: errorType }),
  };
  const counts = new Array<number>(BOUNDARIES_S.length + 1).fill(0);
  return { attributes, startTime: timeNow(), counts, count: 0, sum: 0 };
}

/** Nearly all calls are in the first one. */
function bucketOf(seconds: number): number {
  const bucket = BOUNDARIES_S.findIndex((boundary) => seconds <= boundary);
  return bucket < 0 ? BOUNDARIES_S.length : bucket;
}

function dataPointOf(
  { attributes, startTime, counts, count, sum }: Series,
  endTime: HrTime,
): DataPoint<Histogram> {
  const buckets = { boundaries: [...BOUNDARIES_S], counts: [...counts] };
  return { attributes, startTime, endTime, value: { buckets, count, sum } };
}

function timeNow(): HrTime {
  const nowMs = Date.now();
  return [Math.floor(nowMs / 1_000), (nowMs % 1_000) * 1_000_000];
}

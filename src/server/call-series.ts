import type { CallRecord, RecordCall } from '../rpc/telemetry-interceptor.ts';

/** The upper bounds of the buckets but the last. */
export const BOUNDARIES_S: readonly number[] = [
  0.005, 0.01, 0.025, 0.05, 0.075, 0.1, 0.25, 0.5, 0.75, 1, 2.5, 5, 7.5, 10,
];

/** Calls of one method that went the same way. */
export interface Series {
  readonly about: Omit<CallRecord, 'durationMs' | 'traceparent'>;
  /** Epoch milliseconds. */
  readonly since: number;
  /** By bucket. */
  readonly counts: number[];
  count: number;
  sumSeconds: number;
}

export interface CallSeries {
  readonly record: RecordCall;
  readonly all: readonly Series[];
}

/**
 * How long calls took, in buckets. The histogram of OpenTelemetry makes a text of all attributes for each call, which
 * takes longer than an evaluation; here a call costs a few look-ups.
 */
export function createCallSeries(): CallSeries {
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
    all,
    record: (call) => {
      const seconds = call.durationMs / 1_000;
      const series = seriesOf(call);
      const bucket = bucketOf(seconds);
      series.counts[bucket] = (series.counts[bucket] ?? 0) + 1;
      series.count++;
      series.sumSeconds += seconds;
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
  const counts = new Array<number>(BOUNDARIES_S.length + 1).fill(0);
  const about = { system, method, status, errorType };
  return { about, since: Date.now(), counts, count: 0, sumSeconds: 0 };
}

/** Nearly all calls are in the first one. */
function bucketOf(seconds: number): number {
  const bucket = BOUNDARIES_S.findIndex((boundary) => seconds <= boundary);
  return bucket < 0 ? BOUNDARIES_S.length : bucket;
}

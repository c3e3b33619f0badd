import { OTLPTraceExporter } from '@opentelemetry/exporter-trace-otlp-proto';
import {
  defaultResource,
  detectResources,
  type Resource,
  resourceAttributesEnvDetector,
  resourceFromAttributes,
  serviceNameEnvDetector,
} from '@opentelemetry/resources';
import { RandomIdGenerator, SamplingDecision, TraceIdRatioBasedSampler } from '@opentelemetry/sdk-trace';
import {
  ATTR_SERVICE_INSTANCE_ID,
  ATTR_SERVICE_NAME,
  ATTR_SERVICE_VERSION,
} from '@opentelemetry/semantic-conventions';
import { Complaints } from '../app/complaints.ts';
import type { Report } from '../app/quarantine.ts';
import type { Clock } from '../ports/clock.ts';
import type { RecordCall } from '../rpc/telemetry-interceptor.ts';
import { traceParentIn } from '../rpc/trace-context.ts';
import { spanOf } from './call-span.ts';
import { fineClock } from './fine-clock.ts';
import { openSpanQueue } from './span-queue.ts';
import type { TraceSettings } from './traces-config.ts';

export interface SpanWriterOptions {
  readonly settings: Pick<TraceSettings, 'followsCaller' | 'ratio'>;
  /** What spans say of this process, unless the environment says something else. */
  readonly instance: string;
  readonly version: string;
  readonly clock: Clock;
  /** Told now and then of spans that are lost. */
  readonly report: Report;
}

export interface SpanWriter {
  /** Makes a span of the call, if it is to be written down. Never waits. */
  readonly record: RecordCall;
  /** How many spans no collector has. */
  lost(): number;
  /** Sends what it still has, for a moment at most. Never rejects. */
  close(): Promise<void>;
}

/** Makes a span of each call that has ended, and sends them by OTLP to where the environment says. */
export function createSpanWriter(options: SpanWriterOptions): SpanWriter {
  const { settings, clock, report } = options;
  const resource = resourceOf(options);
  const ids = new RandomIdGenerator();
  const isChosen = chooser(settings);
  const now = fineClock(clock);
  const queue = openSpanQueue(new OTLPTraceExporter(), clock, new Complaints(clock, report));
  return {
    record: (call) => {
      const parent = traceParentIn(call.traceparent);
      const traceId = parent?.traceId ?? ids.generateTraceId();
      if (!isChosen(traceId, parent?.isSampled)) return;
      const endMs = now();
      queue.add(() => spanOf(call, { traceId, spanId: ids.generateSpanId(), parent, endMs, resource }));
    },
    lost: queue.lost,
    close: queue.close,
  };
}

/** By the trace, so that all who are asked about it say the same. */
function chooser({ followsCaller, ratio }: SpanWriterOptions['settings']) {
  const sampler = new TraceIdRatioBasedSampler(ratio);
  return (traceId: string, isCallerSampled: boolean | undefined): boolean => {
    if (followsCaller && isCallerSampled !== undefined) return isCallerSampled;
    return sampler.shouldSample(undefined, traceId).decision === SamplingDecision.RECORD_AND_SAMPLED;
  };
}

function resourceOf({ instance, version }: SpanWriterOptions): Resource {
  const own = resourceFromAttributes({
    [ATTR_SERVICE_NAME]: 'vexil',
    [ATTR_SERVICE_VERSION]: version,
    [ATTR_SERVICE_INSTANCE_ID]: instance,
  });
  const detectors = [resourceAttributesEnvDetector, serviceNameEnvDetector];
  return defaultResource().merge(own).merge(detectResources({ detectors }));
}

import { type Attributes, type HrTime, SpanKind, SpanStatusCode, TraceFlags } from '@opentelemetry/api';
import type { Resource } from '@opentelemetry/resources';
import type { ReadableSpan } from '@opentelemetry/sdk-trace';
import {
  ATTR_ERROR_TYPE,
  ATTR_RPC_METHOD,
  ATTR_RPC_STATUS_CODE,
  ATTR_RPC_SYSTEM_NAME,
} from '@opentelemetry/semantic-conventions';
import type { CallRecord } from '../rpc/telemetry-interceptor.ts';
import type { TraceParent } from '../rpc/trace-context.ts';

/** Where a span belongs. */
export interface SpanPlace {
  readonly traceId: string;
  readonly spanId: string;
  readonly parent: TraceParent | undefined;
  /** Epoch milliseconds, with fractions. */
  readonly endMs: number;
  readonly resource: Resource;
}

const SCOPE = { name: 'vexil' };
const FINE = { code: SpanStatusCode.UNSET };
const FAILED = { code: SpanStatusCode.ERROR };
const NONE: never[] = [];
const UNKNOWN_METHOD = '_OTHER';

/** The span of a call that has ended, as OpenTelemetry's conventions for servers of RPC have it. */
export function spanOf(
  call: CallRecord,
  { traceId, spanId, parent, endMs, resource }: SpanPlace,
): ReadableSpan {
  const { system, method, errorType, durationMs } = call;
  const context = { traceId, spanId, traceFlags: TraceFlags.SAMPLED };
  return {
    name: method === UNKNOWN_METHOD ? system : method,
    kind: SpanKind.SERVER,
    spanContext: () => context,
    ...(parent && { parentSpanContext: contextOf(parent) }),
    startTime: timeOf(endMs - durationMs),
    endTime: timeOf(endMs),
    duration: timeOf(durationMs),
    // A caller's own mistake is no failure of the server.
    status: errorType === undefined ? FINE : FAILED,
    attributes: attributesOf(call),
    ...{ links: NONE, events: NONE, ended: true, resource, instrumentationScope: SCOPE },
    ...{ droppedAttributesCount: 0, droppedEventsCount: 0, droppedLinksCount: 0 },
  };
}

function attributesOf({ system, method, status, errorType }: CallRecord): Attributes {
  return {
    [ATTR_RPC_SYSTEM_NAME]: system,
    [ATTR_RPC_METHOD]: method,
    [ATTR_RPC_STATUS_CODE]: status,
    ...(errorType !== undefined && { [ATTR_ERROR_TYPE]: errorType }),
  };
}

function contextOf({ traceId, spanId, isSampled }: TraceParent) {
  return { traceId, spanId, traceFlags: isSampled ? TraceFlags.SAMPLED : TraceFlags.NONE, isRemote: true };
}

function timeOf(ms: number): HrTime {
  const seconds = Math.floor(ms / 1_000);
  return [seconds, Math.floor((ms - seconds * 1_000) * 1_000_000)];
}

/** Where a caller says which trace a call belongs to, as the W3C's Trace Context has it. */
export const TRACEPARENT = 'traceparent';

const VERSION_0 = /^00-([0-9a-f]{32})-([0-9a-f]{16})-([0-9a-f]{2})$/;
/** May have more at its end, which is not ours to read. */
const LATER = /^(?!00|ff)[0-9a-f]{2}-([0-9a-f]{32})-([0-9a-f]{16})-([0-9a-f]{2})(?:-.*)?$/;
const NOTHING = /^0+$/;
const SAMPLED = 1;

/** What a call is a part of. */
export interface TraceParent {
  readonly traceId: string;
  readonly spanId: string;
  /** Whether the caller writes it down. */
  readonly isSampled: boolean;
}

/** What a `traceparent` says; undefined for a text that says nothing, as if it had not been sent. */
export function traceParentIn(traceparent: string | null | undefined): TraceParent | undefined {
  if (traceparent === null || traceparent === undefined) return undefined;
  const [, traceId = '0', spanId = '0', flags = '00'] =
    VERSION_0.exec(traceparent) ?? LATER.exec(traceparent) ?? [];
  if (NOTHING.test(traceId) || NOTHING.test(spanId)) return undefined;
  return { traceId, spanId, isSampled: (Number.parseInt(flags, 16) & SAMPLED) !== 0 };
}

/** The trace that a `traceparent` names, if it names one. */
export function traceIdIn(traceparent: string | null | undefined): string | undefined {
  return traceParentIn(traceparent)?.traceId;
}

/** Where a caller says which trace a call belongs to, as the W3C's Trace Context has it. */
export const TRACEPARENT = 'traceparent';

const VERSION_0 = /^00-([0-9a-f]{32})-([0-9a-f]{16})-[0-9a-f]{2}$/;
/** May have more at its end, which is not ours to read. */
const LATER = /^(?!00|ff)[0-9a-f]{2}-([0-9a-f]{32})-([0-9a-f]{16})-[0-9a-f]{2}(?:-.*)?$/;
const NOTHING = /^0+$/;

/** The trace that a `traceparent` names; undefined for a text that names none, as if it had not been sent. */
export function traceIdIn(traceparent: string | null | undefined): string | undefined {
  if (traceparent === null || traceparent === undefined) return undefined;
  const [, trace = '0', parent = '0'] = VERSION_0.exec(traceparent) ?? LATER.exec(traceparent) ?? [];
  return NOTHING.test(trace) || NOTHING.test(parent) ? undefined : trace;
}

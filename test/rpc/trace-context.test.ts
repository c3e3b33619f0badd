import { expect, it } from 'vitest';
import { traceIdIn, traceParentIn } from '../../src/rpc/trace-context.ts';

const TRACE = '4bf92f3577b34da6a3ce929d0e0e4736';
const PARENT = '00f067aa0ba902b7';

it.each([
  [`00-${TRACE}-${PARENT}-01`],
  [`00-${TRACE}-${PARENT}-00`],
  [`01-${TRACE}-${PARENT}-01`],
  [`cc-${TRACE}-${PARENT}-01-what-the-future-brings`],
])('finds the trace in %s', (traceparent) => {
  expect(traceIdIn(traceparent)).toBe(TRACE);
});

it.each([
  ['00', false],
  ['01', true],
  ['02', false],
  ['03', true],
  ['ff', true],
])('finds in the flags %s whether the caller writes it down', (flags, isSampled) => {
  const parent = { traceId: TRACE, spanId: PARENT, isSampled };
  expect(traceParentIn(`00-${TRACE}-${PARENT}-${flags}`)).toEqual(parent);
  expect(traceParentIn(`01-${TRACE}-${PARENT}-${flags}-more`)).toEqual(parent);
});

it.each([
  [null],
  [undefined],
  [''],
  ['nonsense'],
  [`00-${TRACE}-${PARENT}`],
  [`00-${TRACE}-${PARENT}-01-more`],
  [`01-${TRACE}-${PARENT}-01more`],
  [`ff-${TRACE}-${PARENT}-01`],
  [`00-${TRACE.toUpperCase()}-${PARENT}-01`],
  [`00-${'0'.repeat(32)}-${PARENT}-01`],
  [`00-${TRACE}-${'0'.repeat(16)}-01`],
  [`00-${TRACE}-${PARENT}-01, 00-${TRACE}-${PARENT}-01`],
  [` 00-${TRACE}-${PARENT}-01`],
  [`00-${TRACE}-${PARENT}-01\n`],
])('takes %j for none', (traceparent) => {
  expect(traceIdIn(traceparent)).toBeUndefined();
  expect(traceParentIn(traceparent)).toBeUndefined();
});

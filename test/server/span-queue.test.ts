import { resourceFromAttributes } from '@opentelemetry/resources';
import { InMemorySpanExporter, type ReadableSpan, type SpanExporter } from '@opentelemetry/sdk-trace';
import { expect, it } from 'vitest';
import { Complaints } from '../../src/app/complaints.ts';
import type { CallRecord } from '../../src/rpc/telemetry-interceptor.ts';
import { spanOf } from '../../src/server/call-span.ts';
import { openSpanQueue } from '../../src/server/span-queue.ts';
import { createFakeClock } from '../support/fake-clock.ts';

/** So many are sent at once, without waiting for more. */
const BATCH = 512;
const MOST_WAITING = 8_192;

type Answer = (error?: Error) => void;

/** A queue before a collector that answers as `onSent` has it. */
function setUp(onSent: (answer: Answer) => void) {
  const clock = createFakeClock();
  const said: object[] = [];
  const complaints = new Complaints(clock, (problem, details) => void said.push({ problem, ...details }));
  const exporter: SpanExporter = {
    export: (_, done) =>
      onSent((error) => done({ code: error === undefined ? 0 : 1, ...(error && { error }) })),
    shutdown: async () => undefined,
  };
  const queue = openSpanQueue(exporter, clock, complaints);
  let made = 0;
  const add = (count: number): void => {
    for (let n = 0; n < count; n++)
      queue.add(() => {
        made++;
        return newSpan();
      });
  };
  return { clock, queue, said, add, made: () => made };
}

function newSpan(): ReadableSpan {
  const call: CallRecord = {
    ...{ system: 'grpc', method: 'a.B/C', status: 'OK' },
    ...{ errorType: undefined, durationMs: 1, traceparent: undefined },
  };
  const resource = resourceFromAttributes({});
  const place = { traceId: '1'.repeat(32), spanId: '2'.repeat(16), parent: undefined };
  return spanOf(call, { ...place, endMs: Date.UTC(2026, 0, 1), resource });
}

const AWAY = new Error('connect ECONNREFUSED');

it('keeps so many spans and no more, and does not make the others', () => {
  const { queue, add, made } = setUp(() => undefined);
  add(MOST_WAITING + 10);
  expect([made(), queue.lost()]).toEqual([MOST_WAITING, 10]);
});

it('counts what the collector does not take, and says so now and then', async () => {
  const { clock, queue, said, add } = setUp((answer) => answer(AWAY));
  add(BATCH);
  expect(queue.lost()).toBe(BATCH);
  expect(said).toEqual([{ problem: 'spans are lost', lost: BATCH, error: AWAY }]);
  add(BATCH);
  await expect.poll(queue.lost).toBe(2 * BATCH);
  expect(said).toHaveLength(1);
  clock.advance(30_000);
  add(BATCH);
  await expect.poll(() => said).toHaveLength(2);
});

it('has room again once the collector answers, and says what was lost meanwhile', async () => {
  const answers: Answer[] = [];
  const { queue, said, add, made } = setUp((answer) => void answers.push(answer));
  add(MOST_WAITING + 1);
  expect(said).toEqual([]);
  answers.shift()?.();
  expect(said).toEqual([{ problem: 'spans are lost', lost: 1 }]);
  add(BATCH + 1);
  expect([made(), queue.lost()]).toEqual([MOST_WAITING + BATCH, 2]);
});

it('sends what waits when it is closed', async () => {
  const exporter = new InMemorySpanExporter();
  const clock = createFakeClock();
  const queue = openSpanQueue(
    { export: (spans, done) => exporter.export(spans, done), shutdown: async () => undefined },
    clock,
    new Complaints(clock, () => undefined),
  );
  for (let n = 0; n < 700; n++) queue.add(newSpan);
  await queue.close();
  expect(exporter.getFinishedSpans()).toHaveLength(700);
  expect(queue.lost()).toBe(0);
});

it('waits a moment at most for a collector that says nothing when it is closed, and says what is lost', async () => {
  const { clock, queue, said, add } = setUp(() => undefined);
  add(3);
  const closed = queue.close();
  clock.advance(1_500);
  await closed;
  expect(said).toEqual([{ problem: 'spans are lost', lost: 3 }]);
});

import { BatchSpanProcessor, type ReadableSpan, type SpanExporter } from '@opentelemetry/sdk-trace';
import type { Complaints } from '../app/complaints.ts';
import type { Clock } from '../ports/clock.ts';

/** In memory, with what is being sent. */
const MOST_WAITING = 8_192;
const SEND_EVERY_MS = 1_000;
/** What is left for sending when the process stops. */
const GOODBYE_MS = 1_500;
const PROBLEM = 'spans are lost';

export interface SpanQueue {
  /** Takes the span if there is room for it, and else does not even have it made. */
  add(make: () => ReadableSpan): void;
  /** How many were not taken, here or by the collector. */
  lost(): number;
  /** Sends what waits, for a moment at most. Never rejects. */
  close(): Promise<void>;
}

/** Sends spans by the batch. While the collector does not take them, a bounded number waits and the others are lost. */
export function openSpanQueue(exporter: SpanExporter, clock: Clock, complaints: Complaints): SpanQueue {
  let waiting = 0;
  let lost = 0;
  let turnedAway = 0;
  const complain = (error?: Error): void => complaints.make(PROBLEM, '', { lost, ...(error && { error }) });
  const settle = (count: number, error: Error | undefined): void => {
    waiting -= count;
    lost += error === undefined ? 0 : count;
    if (error === undefined && turnedAway === 0) complaints.end(PROBLEM, '');
    else complain(error);
    turnedAway = 0;
  };
  const processor = new BatchSpanProcessor({
    exporter: {
      export: (spans, done) =>
        exporter.export(spans, (result) => {
          settle(spans.length, result.error);
          done(result);
        }),
      shutdown: () => exporter.shutdown(),
    },
    maxQueueSize: MOST_WAITING,
    scheduledDelayMillis: SEND_EVERY_MS,
  });
  return {
    add: (make) => {
      if (waiting < MOST_WAITING) {
        waiting++;
        processor.onEnd(make());
        return;
      }
      lost++;
      turnedAway++;
    },
    lost: () => lost,
    close: async () => {
      const { promise: late, resolve } = Promise.withResolvers<void>();
      using _timer = clock.after(GOODBYE_MS, resolve);
      await Promise.race([processor.shutdown().catch(() => undefined), late]);
      if (waiting === 0) return;
      lost += waiting;
      complaints.end(PROBLEM, '');
      complain();
    },
  };
}

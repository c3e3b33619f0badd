import type { Clock } from '../../ports/clock.ts';
import type { ExposureQueue } from '../../ports/exposure-queue.ts';
import type { ExposureStore } from '../../ports/exposure-store.ts';
import type { Report } from '../quarantine.ts';
import { QueueWatch } from './queue-watch.ts';
import { Retention, type RetentionTimes } from './retention.ts';
import { ExposureWriter } from './writer.ts';

export interface WritingParts {
  readonly queue: ExposureQueue;
  readonly store: ExposureStore;
  readonly clock: Clock;
  readonly report: Report;
  readonly retention: RetentionTimes;
}

/** What a process does that has the role to write. */
export interface Writing extends AsyncDisposable {
  readonly writer: ExposureWriter;
  readonly queue: QueueWatch;
}

/** Begins at once. When disposed, resolves once nothing more is written. Queue and store stay open. */
export function startWriting({ queue, store, clock, report, retention: times }: WritingParts): Writing {
  const writer = new ExposureWriter({ queue, store, clock, report });
  const retention = new Retention({ store, times, clock, report });
  return {
    ...{ writer, queue: new QueueWatch(queue, clock) },
    async [Symbol.asyncDispose]() {
      await retention[Symbol.asyncDispose]();
      await writer[Symbol.asyncDispose]();
    },
  };
}

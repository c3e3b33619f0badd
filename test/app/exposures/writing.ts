import { vi } from 'vitest';
import { openSqliteExposureQueue } from '../../../src/adapters/sqlite/exposure-queue.ts';
import { type BatchContent, batchId, encodeBatch } from '../../../src/app/exposures/batch-text.ts';
import { ExposureWriter } from '../../../src/app/exposures/writer.ts';
import type { Parcel } from '../../../src/ports/exposure-queue.ts';
import type { ExposureStore } from '../../../src/ports/exposure-store.ts';
import { createExposureModel } from '../../contract/exposure-model.ts';
import { temporaryDirectory } from '../../contract/sqlite-stores.ts';
import { createFakeClock } from '../../support/fake-clock.ts';
import { batchContent, recordedEvaluation } from './batches.ts';

/** A batch of a process as it is published: so many evaluations, of subjects of its own. */
export function recordedParcel(sequence: number, given: Partial<BatchContent> = {}, units = 2): Parcel {
  const evaluations = Array.from({ length: units }, (_, index) =>
    recordedEvaluation({ subject: `subject-${sequence}-${index}` }),
  );
  const content = batchContent({ sequence, acceptedSoFar: sequence * units, evaluations, ...given });
  return { id: batchId(content.process, sequence), bytes: encodeBatch(content) };
}

/** A queue, a store and writers between them, on a clock that goes only while somebody waits for something. */
export async function writingPlace() {
  const directory = await temporaryDirectory();
  const clock = createFakeClock();
  const queue = await openSqliteExposureQueue(directory.path, { clock, maxBytes: 1 << 24 });
  const store: ExposureStore = createExposureModel();
  const reports: string[] = [];
  const writers: ExposureWriter[] = [];
  return {
    ...{ clock, queue, store, reports },
    /** `faults` takes the place of methods of the store. */
    write(faults: Partial<ExposureStore> = {}): ExposureWriter {
      const faulty = { ...store, ...faults };
      const report = (problem: string) => void reports.push(problem);
      const writer = new ExposureWriter({ queue, store: faulty, clock, report });
      writers.push(writer);
      return writer;
    },
    async publish(...parcels: readonly Parcel[]): Promise<void> {
      for (const each of parcels) await queue.publish(each);
    },
    /** Lets time pass, a quarter of a second at a look, until the claim holds. */
    async until(claim: () => unknown, timeoutMs = 5_000): Promise<void> {
      const look = async () => {
        clock.advance(250);
        await claim();
      };
      await vi.waitFor(look, { timeout: timeoutMs, interval: 2 });
    },
    async [Symbol.asyncDispose]() {
      for (const writer of writers) await writer[Symbol.asyncDispose]();
      await queue[Symbol.asyncDispose]();
      await directory[Symbol.asyncDispose]();
    },
  };
}

import type { RecordedBatch } from '../../src/ports/exposure-store.ts';
import { batch, evaluation, event, HOUR, START } from '../contract/exposure-samples.ts';

const HOUR_MS = 3_600_000;

/** The batch of that sequence, always the same: of one of two hours, of several flags and subjects. */
export function manyBatch(sequence: number): RecordedBatch {
  const hour = HOUR + (sequence % 2);
  const time = START + (sequence % 2) * HOUR_MS + sequence * 100;
  const evaluations = Array.from({ length: 5 }, (_, index) =>
    evaluation({
      ...{ time: time + index, flag: `flag-${index % 2}`, subject: `subject-${(sequence + index) % 7}` },
      ...{ variation: index % 3 === 0 ? 'on' : 'off', count: index + 1 },
    }),
  );
  return batch({
    ...{ sequence, hour, evaluations, acceptedSoFar: sequence * 16 },
    events: [event({ time: time + 50, subject: `subject-${sequence % 7}`, value: sequence })],
    contexts: [{ subject: `subject-${sequence % 7}`, attributes: { sequence }, seenAt: time }],
  });
}

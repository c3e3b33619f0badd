import { FlagError } from '../core/errors.ts';
import type { RecordedBatch } from './exposure-store.ts';

export const HOUR_MS = 3_600_000;
/** Of an event, either way. Sums of squares of such are still numbers, whatever is added up. */
export const LARGEST_VALUE = 1e100;
const LARGEST_WEIGHT = 2 ** 32;

/** Throws `invalid` for a batch that no store takes: its numbers are none, or do not fit together. */
export function checkBatch(batch: RecordedBatch): void {
  const { id, process, sequence, hour, units, acceptedSoFar, evaluations, events, contexts, losses } = batch;
  demand(
    sequence > 0 && id === `${process}:${sequence}`,
    'it has another name than its process and sequence',
  );
  demand([sequence, hour, units, acceptedSoFar].every(isCount), 'its numbers are not whole');
  for (const { time, count, weight, flagVersion, revision } of evaluations) {
    demand(isIn(hour, time), 'an evaluation is of another hour');
    demand(
      isCount(count) && count > 0 && weight >= 1 && weight <= LARGEST_WEIGHT,
      'an evaluation counts for nothing',
    );
    demand(isCount(flagVersion) && isCount(revision), 'a version is not whole');
  }
  for (const { time, count, value } of events) {
    demand(isIn(hour, time), 'an event is of another hour');
    demand(isCount(count) && count > 0, 'an event counts for nothing');
    demand(value === undefined || Math.abs(value) <= LARGEST_VALUE, 'the value of an event is no number');
  }
  for (const { seenAt } of contexts) demand(isCount(seenAt), 'the time of a context is not whole');
  for (const { units: lost, sequence: of } of losses)
    demand(isCount(lost) && (of === undefined || (isCount(of) && of > 0)), 'a loss is not whole');
  const counted = [...evaluations, ...events].reduce((sum, { count }) => sum + count, 0);
  demand(counted === units, 'its counts are not its units');
}

/** The process and the sequence that an id of a batch names; undefined if it is none. */
export function readBatchId(id: string): { readonly process: string; readonly sequence: number } | undefined {
  const [, process, digits] = /^(.+):([1-9][0-9]{0,15})$/s.exec(id) ?? [];
  const sequence = Number(digits);
  return process !== undefined && Number.isSafeInteger(sequence) ? { process, sequence } : undefined;
}

function isIn(hour: number, time: number): boolean {
  return Number.isSafeInteger(time) && Math.floor(time / HOUR_MS) === hour;
}

function isCount(value: number): boolean {
  return Number.isSafeInteger(value) && value >= 0;
}

function demand(holds: boolean, why: string): void {
  if (!holds) throw new FlagError('invalid', `the batch cannot be stored: ${why}`, { reason: 'BATCH' });
}

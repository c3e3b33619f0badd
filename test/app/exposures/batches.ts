import type { BatchContent } from '../../../src/app/exposures/batch-text.ts';
import { HOUR_MS } from '../../../src/ports/batch-tables.ts';
import type { RecordedEvaluation } from '../../../src/ports/exposure-store.ts';

export const HOUR = 490_000;
export const PROCESS = 'a-process';

/** A batch of one environment with nothing in it, but for what is given. */
export function batchContent(given: Partial<BatchContent> = {}): BatchContent {
  return {
    ...{ process: PROCESS, sequence: 1, hour: HOUR, acceptedSoFar: 0 },
    place: { project: 'shop', environment: 'prod' },
    ...{ evaluations: [], events: [], contexts: [], losses: [] },
    ...given,
  };
}

/** That somebody got a flag on, but for what is given. */
export function recordedEvaluation(given: Partial<RecordedEvaluation> = {}): RecordedEvaluation {
  return {
    ...{ time: HOUR * HOUR_MS, flag: 'checkout', flagVersion: 3, revision: 7, variation: 'on' },
    ...{ reason: 'DEFAULT', ruleId: '', subject: 'ann', source: 'call', client: '', count: 1, weight: 1 },
    ...given,
  };
}

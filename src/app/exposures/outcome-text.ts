import type { Outcome } from '../../core/outcome.ts';
import type { OutcomeEntry } from '../../ports/batch-tables.ts';
import { originalOf } from '../decisions.ts';

/** Whether an answer is recorded. Of flags that do not exist there is no end. */
export function isRecorded({ recordExposures, flagVersion, errorCode }: Outcome): boolean {
  return recordExposures && (flagVersion > 0 || errorCode !== 'FLAG_NOT_FOUND');
}

/** An answer as it is told in a batch, as JSON. */
export function outcomeText(outcome: Outcome): string {
  return texts.get(outcome) ?? newText(outcome);
}

// An outcome is one object as long as its flag stays the same, and is told in many batches.
const texts = new WeakMap<Outcome, string>();

function newText(outcome: Outcome): string {
  const { flag, flagVersion, variation, reason, ruleId, errorCode } = originalOf(outcome);
  const entry: OutcomeEntry =
    errorCode === undefined
      ? [flag, flagVersion, variation, reason, ruleId]
      : [flag, flagVersion, variation, reason, ruleId, errorCode];
  const text = JSON.stringify(entry);
  texts.set(outcome, text);
  return text;
}

import { checkCount, checkWeight, type Report } from './checks.ts';
import type { Limits } from './limits.ts';
import { type Guard, type Rule, WHOLE } from './model.ts';

/** As long as the name of an event can be. */
const LONGEST_EVENT = 100;
const SMALLEST_SAMPLE = 10;
const LONGEST_WINDOW_S = 30 * 24 * 3_600;
/** A hundred times worse. */
const MOST_REGRESSION = 100 * WHOLE;

/** What is wrong with the guard of a rule. */
export function checkGuard(
  guard: Guard,
  { ramp, rollout, recordExposures }: Rule,
  rulePath: string,
  limits: Limits,
  report: Report,
): void {
  const path = `${rulePath}.guard`;
  const { threshold, relativeRegression, minimumSample, windowSeconds, stages } = guard;
  if (!recordExposures)
    report(`${rulePath}.exposure.disabled`, 'is not possible with a guard: it sees only what is recorded');
  if (guard.event.length > LONGEST_EVENT || /\p{Cc}/u.test(guard.event) || !guard.event.isWellFormed())
    report(
      `${path}.event`,
      `must be text of at most ${LONGEST_EVENT} characters: no other event can be reported`,
    );
  if (threshold === undefined && relativeRegression === undefined)
    report(path, 'needs a threshold, a relative_regression or both');
  if (threshold !== undefined) checkWeight(threshold, `${path}.threshold`, report);
  if (relativeRegression !== undefined && !isWhole(relativeRegression, 0, MOST_REGRESSION))
    report(`${path}.relative_regression`, `must be a whole number from 0 to ${MOST_REGRESSION}`);
  if (!isWhole(minimumSample, SMALLEST_SAMPLE, 1_000_000_000))
    report(`${path}.min_sample`, `must be a whole number from ${SMALLEST_SAMPLE}`);
  if (!isWhole(windowSeconds, 1, LONGEST_WINDOW_S))
    report(`${path}.window_s`, `must be a whole number from 1 to ${LONGEST_WINDOW_S}`);
  checkCount(stages.length, 'stepsPerRamp', `${path}.stages`, limits, report);
  for (const [index, weight] of stages.entries()) {
    checkWeight(weight, `${path}.stages[${index}]`, report);
    if (weight <= (stages[index - 1] ?? 0))
      report(`${path}.stages[${index}]`, 'must be above the one before it');
  }
  if (stages.length === 0) return;
  if (ramp !== undefined)
    report(`${path}.stages`, 'are not possible beside a ramp: either moves the rollout');
  if (rollout === undefined)
    report(`${rulePath}.rollout`, 'is needed with stages: it says who is in at first');
}

function isWhole(number: number, min: number, max: number): boolean {
  return Number.isInteger(number) && number >= min && number <= max;
}

import { invalid } from '../../core/errors.ts';
import { DAY_MS } from '../../core/time.ts';
import type { Period, Step } from '../../ports/exposure-store.ts';

export const HOUR_MS = 3_600_000;
const MINUTE_MS = 60_000;
const MAX_STEPS = 10_000;

export function stepMs(step: Step): number {
  switch (step) {
    case 'minute':
      return MINUTE_MS;
    case 'hour':
      return HOUR_MS;
    case 'day':
      return DAY_MS;
  }
}

/** A step that makes a readable number of points of a period: minutes for 6 hours, hours for 14 days, days beyond. */
export function readableStep({ from, to }: Period): Step {
  if (to - from <= 6 * HOUR_MS) return 'minute';
  return to - from <= 14 * DAY_MS ? 'hour' : 'day';
}

/** The last that a timestamp can say. */
const LAST_MS = Date.parse('9999-12-31T23:59:59.999Z');

/** The period out to whole steps of UTC, as far as there is time. Throws `invalid` about `field` for one of more than 10000 steps. */
export function inWholeSteps({ from, to }: Period, step: Step, field = 'step'): Period {
  const length = stepMs(step);
  const whole = {
    from: Math.floor(from / length) * length,
    to: Math.min(Math.ceil(to / length) * length, LAST_MS),
  };
  if ((whole.to - whole.from) / length > MAX_STEPS)
    throw invalid([{ path: field, message: `makes this a period of more than ${MAX_STEPS} ${step}s` }]);
  return whole;
}

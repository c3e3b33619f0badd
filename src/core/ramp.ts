import { type Ramp, WHOLE } from './model.ts';
import { parseInstant } from './time.ts';

/** A rollout's weight as a function of the clock. */
export interface CompiledRamp {
  weightAt(nowMs: number): number;
  /**
   * The first millisecond after `nowMs` at whose weight `differs` holds; Infinity if there is none. `differs` is false
   * now, and over a stretch in which the weight only rises or only falls it changes at most once to true.
   */
  firstChange(nowMs: number, differs: (weight: number) => boolean): number;
  /** From here on the weight stays as it is. */
  readonly endMs: number;
}

/** When a ramp's weight may change: at its steps, or at its ends. Epoch milliseconds. */
export function rampTimes(ramp: Ramp): readonly number[] {
  return ramp.kind === 'steps'
    ? ramp.steps.map((step) => instant(step.startsAt))
    : [instant(ramp.startsAt), instant(ramp.endsAt)];
}

/**
 * A ramp over the rule's own rollout, which holds until it starts. `ownWeight` is undefined if the rule has none:
 * then everybody is in before the first step, and a linear ramp holds its first weight until it starts.
 */
export function compileRamp(ramp: Ramp, ownWeight: number | undefined): CompiledRamp {
  switch (ramp.kind) {
    case 'steps':
      return stepRamp(
        ramp.steps.map((step) => ({ startMs: instant(step.startsAt), weight: checked(step.weight) })),
        ownWeight ?? WHOLE,
      );
    case 'linear':
      return linearRamp(
        instant(ramp.startsAt),
        instant(ramp.endsAt),
        checked(ramp.fromWeight),
        checked(ramp.toWeight),
        ownWeight ?? ramp.fromWeight,
      );
    default:
      throw new Error(`unknown kind of ramp ${JSON.stringify((ramp satisfies never as Ramp).kind)}`);
  }
}

function stepRamp(steps: readonly { startMs: number; weight: number }[], ownWeight: number): CompiledRamp {
  for (const [index, step] of steps.entries()) {
    const previous = steps[index - 1];
    if (previous !== undefined && previous.startMs >= step.startMs)
      throw new Error('the steps of a ramp ascend');
  }
  return {
    weightAt: (nowMs) => {
      let weight = ownWeight;
      for (const step of steps) {
        if (step.startMs > nowMs) break;
        weight = step.weight;
      }
      return weight;
    },
    firstChange: (nowMs, differs) =>
      steps.find((step) => step.startMs > nowMs && differs(step.weight))?.startMs ?? Number.POSITIVE_INFINITY,
    endMs: steps.at(-1)?.startMs ?? Number.NEGATIVE_INFINITY,
  };
}

function linearRamp(startMs: number, endMs: number, from: number, to: number, before: number): CompiledRamp {
  if (startMs >= endMs) throw new Error('a linear ramp ends after it starts');
  const weightAt = (nowMs: number): number => {
    if (nowMs < startMs) return before;
    if (nowMs >= endMs) return to;
    return from + Math.floor(((to - from) * (nowMs - startMs)) / (endMs - startMs));
  };
  return {
    weightAt,
    firstChange: (nowMs, differs) => {
      if (nowMs < startMs && differs(from)) return startMs;
      if (!differs(to)) return Number.POSITIVE_INFINITY;
      return firstBetween(Math.max(nowMs, startMs), endMs, (ms) => differs(weightAt(ms)));
    },
    endMs,
  };
}

/** The first whole number in (low, high] for which it holds, given that from there on it goes on holding. */
function firstBetween(low: number, high: number, holds: (at: number) => boolean): number {
  let [no, yes] = [low, high];
  while (yes - no > 1) {
    const middle = Math.floor((no + yes) / 2);
    if (holds(middle)) yes = middle;
    else no = middle;
  }
  return yes;
}

/** The weight itself. Throws unless it is a whole number from 0 to everybody. */
export function checked(weight: number): number {
  if (!isWeight(weight)) throw new Error(`${JSON.stringify(weight)} is not a weight`);
  return weight;
}

/** Whether this is a whole number from 0 to everybody. */
export function isWeight(weight: unknown): weight is number {
  return Number.isInteger(weight) && Number(weight) >= 0 && Number(weight) <= WHOLE;
}

function instant(text: string): number {
  const ms = parseInstant(text);
  if (ms === undefined) throw new Error(`${JSON.stringify(text)} is not an instant`);
  return ms;
}

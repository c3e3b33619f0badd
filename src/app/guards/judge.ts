import { CERTAIN, certainStandardErrors, evidenceAbove, evidenceBelow } from '../../core/evidence.ts';
import { type Guard, type Rule, WHOLE } from '../../core/model.ts';
import { type Proportion, rateOf, standardErrorsAbove } from '../../core/proportion.ts';
import { compileRamp } from '../../core/ramp.ts';

/** How many got a variation by the rule, and to how many of them it happened. */
export interface Fared extends Proportion {
  readonly variation: string;
}

export interface Evidence {
  /** By the rule. */
  readonly served: readonly Fared[];
  /** The default variation's, in the same time. */
  readonly base: Proportion;
  /** How long the rollout has been as it is. */
  readonly elapsedMs: number;
  readonly nowMs: number;
}

export type Verdict =
  | { readonly kind: 'wait' }
  | { readonly kind: 'forward'; readonly weight: number; readonly why: string }
  | { readonly kind: 'back'; readonly weight: number; readonly why: string }
  | { readonly kind: 'halt'; readonly why: string };

const WAIT: Verdict = { kind: 'wait' };

/**
 * What a guard does about what it sees. It acts on a regression as soon as that is certain to 99 %, and takes a step
 * forward once a whole window has passed in which enough people fared no worse than is fine. Anything between waits.
 */
export function judge(rule: Rule, guard: Guard, evidence: Evidence): Verdict {
  const { served, base, nowMs } = evidence;
  const counted = served.filter(({ total }) => total >= guard.minimumSample);
  const limits = limitsOf(guard, evidence);
  for (const fared of counted) {
    const limit = limits.find((each) => each.isCertainlyBrokenBy(fared));
    if (limit !== undefined)
      return actOn(rule, guard, nowMs, describe(guard, fared, evidence, `, ${limit.text}`));
  }
  const weight = weightOf(rule, nowMs);
  const next = guard.stages.find((stage) => stage > weight);
  if (next === undefined || rule.guardState?.status === 'resting' || !isWindowOver(guard, evidence))
    return WAIT;
  if (!isDecidable(guard, served) || counted.length < served.length) return WAIT;
  if (guard.relativeRegression !== undefined && base.total < guard.minimumSample) return WAIT;
  if (!counted.every((fared) => limits.every((limit) => limit.isKeptBy(fared)))) return WAIT;
  const seen = counted.map((fared) => describe(guard, fared, evidence, '')).join('; ');
  const isQuiet = base.hits === 0 && counted.every(({ hits }) => hits === 0);
  const doubt = isQuiet ? '; nobody had any, so see that they are reported' : '';
  return {
    kind: 'forward',
    weight: next,
    why: `${seen}${doubt}: from ${percent(weight)} to ${percent(next)}`,
  };
}

/** Whether enough people got a variation for anything but waiting, however the others fared. */
export function isDecidable({ minimumSample }: Guard, served: readonly Fared[]): boolean {
  return served.some(({ total }) => total >= minimumSample);
}

/** Everybody without a rollout. A ramp that has begun decides. */
export function weightOf({ rollout, ramp }: Rule, nowMs: number): number {
  return ramp === undefined ? (rollout?.weight ?? WHOLE) : compileRamp(ramp, rollout?.weight).weightAt(nowMs);
}

function isWindowOver({ windowSeconds }: Guard, { elapsedMs }: Evidence): boolean {
  return elapsedMs >= windowSeconds * 1_000;
}

function actOn(rule: Rule, { onRegression, stages }: Guard, nowMs: number, why: string): Verdict {
  if (onRegression === 'halt') return { kind: 'halt', why: `${why}: halted` };
  const from = weightOf(rule, nowMs);
  const weight = stages.findLast((stage) => stage < from) ?? 0;
  return { kind: 'back', weight, why: `${why}: back from ${percent(from)} to ${percent(weight)}` };
}

interface Limit {
  readonly text: string;
  isCertainlyBrokenBy(sample: Proportion): boolean;
  isKeptBy(sample: Proportion): boolean;
}

function limitsOf(guard: Guard, evidence: Evidence): Limit[] {
  const { threshold, relativeRegression, minimumSample } = guard;
  const { base } = evidence;
  return [
    ...(threshold === undefined ? [] : [fixedLimit(guard, threshold / WHOLE, isWindowOver(guard, evidence))]),
    ...(relativeRegression === undefined || base.total < minimumSample
      ? []
      : [relativeLimit(guard, relativeRegression / WHOLE, base)]),
  ];
}

/** What is good takes its time: before the window is over, few prove nothing. */
function fixedLimit({ worse }: Guard, limit: number, isOver: boolean): Limit {
  return worse === 'higher'
    ? {
        text: `at most ${share(limit)} is fine`,
        isCertainlyBrokenBy: (sample) => evidenceAbove(sample, limit) >= CERTAIN,
        isKeptBy: (sample) => rateOf(sample) <= limit,
      }
    : {
        text: `at least ${share(limit)} is fine`,
        isCertainlyBrokenBy: (sample) => isOver && evidenceBelow(sample, limit) >= CERTAIN,
        isKeptBy: (sample) => rateOf(sample) >= limit,
      };
}

function relativeLimit({ worse, minimumSample }: Guard, regression: number, base: Proportion): Limit {
  const factor = worse === 'higher' ? 1 + regression : Math.max(0, 1 - regression);
  const text = `${share(regression)} ${worse === 'higher' ? 'more' : 'less'} than by default is fine`;
  const sign = worse === 'higher' ? 1 : -1;
  return {
    text,
    isCertainlyBrokenBy: (sample) =>
      sign * standardErrorsAbove(sample, base, factor) >
      certainStandardErrors(Math.min(sample.total, base.total), minimumSample),
    isKeptBy: (sample) => sign * (rateOf(sample) - factor * rateOf(base)) <= 0,
  };
}

function describe(guard: Guard, fared: Fared, { base, elapsedMs }: Evidence, limit: string): string {
  const { event, windowSeconds } = guard;
  const what = event === '' ? 'an error or a crash' : event;
  const seconds = Math.max(1, Math.min(windowSeconds, Math.floor(elapsedMs / 1_000)));
  const own = `${fared.hits} of ${fared.total} people with ${fared.variation} (${share(rateOf(fared))}) had ${what} within ${seconds} s`;
  const others =
    base.total === 0 ? '' : `, ${base.hits} of ${base.total} by default (${share(rateOf(base))})`;
  return own + others + limit;
}

function share(rate: number): string {
  return `${Math.round(rate * 10_000) / 100} %`;
}

function percent(weight: number): string {
  return `${weight / 1_000} %`;
}

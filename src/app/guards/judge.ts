import { type Guard, type Rule, WHOLE } from '../../core/model.ts';
import {
  intervalOf,
  type Proportion,
  rateOf,
  standardErrorsAbove,
  Z_99_ONE_SIDED,
} from '../../core/proportion.ts';

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
export function judge(rule: Rule, guard: Guard, { served, base, elapsedMs }: Evidence): Verdict {
  const counted = served.filter(({ total }) => total >= guard.minimumSample);
  for (const fared of counted) {
    const limit = limitsOf(guard, base).find((each) => each.isCertainlyBrokenBy(fared));
    if (limit !== undefined) return actOn(rule, guard, describe(guard, fared, base, limit.text));
  }
  const next = guard.stages.find((weight) => weight > weightOf(rule));
  if (next === undefined || elapsedMs < guard.windowSeconds * 1_000) return WAIT;
  const needsBase = guard.relativeRegression !== undefined;
  if (counted.length === 0 || counted.length < served.length) return WAIT;
  if (needsBase && base.total < guard.minimumSample) return WAIT;
  const isFine = counted.every((fared) => limitsOf(guard, base).every((limit) => limit.isKeptBy(fared)));
  if (!isFine) return WAIT;
  const seen = counted.map((fared) => describe(guard, fared, base, '')).join('; ');
  return {
    kind: 'forward',
    weight: next,
    why: `${seen}: from ${percent(weightOf(rule))} to ${percent(next)}`,
  };
}

/** Everybody without a rollout. */
export function weightOf({ rollout }: Rule): number {
  return rollout?.weight ?? WHOLE;
}

function actOn(rule: Rule, { onRegression, stages }: Guard, why: string): Verdict {
  if (onRegression === 'halt') return { kind: 'halt', why: `${why}: halted` };
  const weight = stages.findLast((stage) => stage < weightOf(rule)) ?? 0;
  return { kind: 'back', weight, why: `${why}: back from ${percent(weightOf(rule))} to ${percent(weight)}` };
}

interface Limit {
  readonly text: string;
  isCertainlyBrokenBy(sample: Proportion): boolean;
  isKeptBy(sample: Proportion): boolean;
}

function limitsOf(guard: Guard, base: Proportion): Limit[] {
  const { threshold, relativeRegression, minimumSample } = guard;
  return [
    ...(threshold === undefined ? [] : [fixedLimit(guard, threshold / WHOLE)]),
    ...(relativeRegression === undefined || base.total < minimumSample
      ? []
      : [relativeLimit(guard, relativeRegression / WHOLE, base)]),
  ];
}

function fixedLimit({ worse }: Guard, limit: number): Limit {
  return worse === 'higher'
    ? {
        text: `at most ${share(limit)} is fine`,
        isCertainlyBrokenBy: (sample) => intervalOf(sample, Z_99_ONE_SIDED).low > limit,
        isKeptBy: (sample) => rateOf(sample) <= limit,
      }
    : {
        text: `at least ${share(limit)} is fine`,
        isCertainlyBrokenBy: (sample) => intervalOf(sample, Z_99_ONE_SIDED).high < limit,
        isKeptBy: (sample) => rateOf(sample) >= limit,
      };
}

function relativeLimit({ worse }: Guard, regression: number, base: Proportion): Limit {
  const factor = worse === 'higher' ? 1 + regression : Math.max(0, 1 - regression);
  const text = `${share(regression)} ${worse === 'higher' ? 'more' : 'less'} than by default is fine`;
  const sign = worse === 'higher' ? 1 : -1;
  return {
    text,
    isCertainlyBrokenBy: (sample) => sign * standardErrorsAbove(sample, base, factor) > Z_99_ONE_SIDED,
    isKeptBy: (sample) => sign * (rateOf(sample) - factor * rateOf(base)) <= 0,
  };
}

function describe({ event, windowSeconds }: Guard, fared: Fared, base: Proportion, limit: string): string {
  const what = event === '' ? 'an error or a crash' : event;
  const own = `${fared.hits} of ${fared.total} people with ${fared.variation} (${share(rateOf(fared))}) had ${what} within ${windowSeconds} s`;
  const others =
    base.total === 0 ? '' : `, ${base.hits} of ${base.total} by default (${share(rateOf(base))})`;
  return own + others + (limit === '' ? '' : `, ${limit}`);
}

function share(rate: number): string {
  return `${Math.round(rate * 10_000) / 100} %`;
}

function percent(weight: number): string {
  return `${weight / 1_000} %`;
}

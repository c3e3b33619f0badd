import { timestampDate, timestampFromDate } from '@bufbuild/protobuf/wkt';
import {
  type FlagSettings,
  type Guard,
  GuardAction,
  GuardDirection,
  type Rule,
} from '../../../gen/vexil/v1/definitions_pb.ts';
import { formatPercent } from '../parse/percent.ts';
import { printable, table } from './table.ts';
import { formatTime } from './time.ts';

/** To how many of those who got a variation it happened. */
export interface Fared {
  readonly variation: string;
  readonly people: number;
  readonly hits: number;
}

/** What a guard sees in its window at the moment. */
export type GuardSight =
  | { readonly kind: 'none' }
  | { readonly kind: 'unseen'; readonly why: string }
  | {
      readonly kind: 'seen';
      /** By its rule. */
      readonly served: readonly Fared[];
      /** By whatever decided. */
      readonly all: readonly Fared[];
      readonly byDefault: string;
    };

export function guardTable(rules: readonly Rule[]): string {
  const rows = rules.map((rule) => [
    rule.id,
    formatPercent(rule.rollout?.weight ?? 100_000),
    guardText(rule.guard),
    stateText(rule),
  ]);
  return table(['RULE', 'ROLLOUT', 'GUARD', 'STATE'], rows);
}

/** `errors and crashes at most 2%, by 100 people in 600 s; 5%, 20%; else a step back`. */
export function guardText(guard: Guard | undefined): string {
  if (guard === undefined) return '';
  const { event, direction, threshold, relativeRegression, minSample, windowS, stages, onRegression } = guard;
  const isLower = direction === GuardDirection.LOWER_IS_WORSE;
  const limits = [
    ...(threshold === undefined ? [] : [`${isLower ? 'at least' : 'at most'} ${formatPercent(threshold)}`]),
    ...(relativeRegression === undefined
      ? []
      : [`at most ${formatPercent(relativeRegression)} ${isLower ? 'less' : 'more'} than by default`]),
  ];
  const way = stages.length === 0 ? '' : `; ${stages.map(formatPercent).join(', ')}`;
  const action = onRegression === GuardAction.HALT ? 'a halt' : 'a step back';
  const what = event === '' ? 'errors and crashes' : event;
  return `${what} ${limits.join(' and ')}, by ${minSample} people in ${windowS} s${way}; else ${action}`;
}

function stateText({ guardState }: Rule): string {
  if (guardState === undefined) return '';
  const { watching, sinceTime, note } = guardState;
  const state = `${watching ? 'watching' : 'resting'} since ${formatTime(sinceTime)}`;
  return note === '' ? state : `${state}: ${note}`;
}

/** What a guard sees, and what it waits for. */
export function sightText(settings: FlagSettings, rule: Rule, sight: GuardSight, nowMs: number): string {
  const lines = sightLines(settings, rule, sight, nowMs).map(printable);
  return [`${rule.id}: ${lines[0] ?? ''}`, ...lines.slice(1).map((line) => `  ${line}`)].join('\n');
}

function sightLines(settings: FlagSettings, rule: Rule, sight: GuardSight, nowMs: number): string[] {
  if (sight.kind === 'none') return ['nothing is known of it yet'];
  if (settings.halt !== undefined) return ['nobody looks while the flag is halted'];
  if (!settings.enabled) return ['nobody looks while the flag is off'];
  if (sight.kind === 'unseen') return [`nobody can see how people fare: ${sight.why}`];
  const { served, all, byDefault } = sight;
  const base = all.find(({ variation }) => variation === byDefault);
  const others = base === undefined ? [] : [`${fareText(base)} by default`];
  const seen = [...served.filter(({ variation }) => variation !== '').map(fareText), ...others].join(', ');
  const isQuiet = all.some(({ people }) => people > 0) && all.every(({ hits }) => hits === 0);
  const what = rule.guard?.event === '' ? 'an error or a crash' : `"${rule.guard?.event}"`;
  return [
    seen === '' ? 'nobody got the flag so far' : seen,
    waitText(rule, sight, nowMs),
    ...(isQuiet ? [`nobody had ${what}: see that it is reported, by this very name`] : []),
  ];
}

function fareText({ variation, people, hits }: Fared): string {
  const share = people === 0 ? '' : ` (${Math.round((hits / people) * 10_000) / 100}%)`;
  return `${hits} of ${people} people with ${variation}${share}`;
}

/** Why it does not go forward now. */
function waitText(
  { guard, guardState, rollout }: Rule,
  { served, all, byDefault }: GuardSight & { readonly kind: 'seen' },
  nowMs: number,
): string {
  if (guard === undefined || guardState?.sinceTime === undefined) return '';
  const { minSample, relativeRegression, stages, windowS } = guard;
  if (!guardState.watching) return 'does not go forward until somebody changes the rule';
  if (stages.length === 0) return 'has no stages to go forward to';
  if (stages.every((stage) => stage <= (rollout?.weight ?? 100_000))) return 'is at the last of its stages';
  const known = served.filter(({ variation }) => variation !== '');
  if (known.every(({ people }) => people === 0)) return 'waits for people who get a variation by this rule';
  const few = known.find(({ people }) => people < minSample);
  if (few !== undefined) return `waits for ${minSample} people with ${few.variation}`;
  const base = all.find(({ variation }) => variation === byDefault)?.people ?? 0;
  if (relativeRegression !== undefined && base < minSample)
    return `waits for ${minSample} people with ${byDefault}, to compare with`;
  const endMs = timestampDate(guardState.sinceTime).getTime() + windowS * 1_000;
  if (endMs > nowMs) return `waits until ${formatTime(timestampFromDate(new Date(endMs)))}`;
  return 'waits until no more than is fine fare badly, with people from the first of the window to the last';
}

import { type Guard, GuardAction, GuardDirection, type Rule } from '../../../gen/vexil/v1/definitions_pb.ts';
import { formatPercent } from '../parse/percent.ts';
import { table } from './table.ts';
import { formatTime } from './time.ts';

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

import type { Ramp, Rule, ScheduledChange, Serve } from '../../../gen/vexil/v1/definitions_pb.ts';
import { formatPercent } from '../parse/percent.ts';
import { conditionText } from './condition.ts';
import { table } from './table.ts';
import { formatTime } from './time.ts';

export function ruleTable(rules: readonly Rule[]): string {
  const rows = rules.map((rule) => [
    rule.id,
    String(rule.priority),
    conditionText(rule.condition),
    rolloutText(rule),
    serveText(rule.serve),
  ]);
  return table(['ID', 'PRIORITY', 'WHEN', 'ROLLOUT', 'SERVES'], rows);
}

export function scheduleTable(
  changes: readonly (readonly [flag: string, change: ScheduledChange])[],
): string {
  const rows = changes.map(([flag, change]) => [
    flag,
    change.id,
    formatTime(change.time),
    actionText(change),
    change.actor,
  ]);
  return table(['FLAG', 'ID', 'TIME', 'WHAT', 'BY'], rows);
}

/** `on`, or `blue 50%, red 50%`. */
export function serveText(serve: Serve | undefined): string {
  switch (serve?.kind.case) {
    case 'variation':
      return serve.kind.value;
    case 'split':
      return serve.kind.value.variations
        .map(({ variation, weight }) => `${variation} ${formatPercent(weight)}`)
        .join(', ');
    default:
      return '';
  }
}

/** What a scheduled change will do, in words. */
export function actionText({ action }: ScheduledChange): string {
  switch (action.case) {
    case 'enabled':
      return action.value ? 'enable' : 'disable';
    case 'haltReason':
      return `halt: ${action.value}`;
    case 'resume':
      return 'resume';
    case 'rollout':
      return `rollout ${formatPercent(action.value.weight)} of rule ${action.value.ruleId || 'rollout'}`;
    case 'defaultVariation':
      return `default variation ${action.value}`;
    default:
      return 'something that this version does not know';
  }
}

function rolloutText({ rollout, ramp }: Rule): string {
  const own = formatPercent(rollout?.weight ?? 100_000);
  return ramp === undefined ? own : `${own}, then ${rampText(ramp)}`;
}

function rampText({ kind }: Ramp): string {
  switch (kind.case) {
    case 'steps':
      return kind.value.steps
        .map(({ startTime, weight }) => `${formatPercent(weight)} from ${formatTime(startTime)}`)
        .join(', ');
    case 'linear': {
      const { startTime, endTime, fromWeight, toWeight } = kind.value;
      const times = `between ${formatTime(startTime)} and ${formatTime(endTime)}`;
      return `${formatPercent(fromWeight)} to ${formatPercent(toWeight)} ${times}`;
    }
    default:
      return 'a ramp that this version does not know';
  }
}

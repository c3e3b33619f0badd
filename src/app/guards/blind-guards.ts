import { canonicalJson } from '../../core/canonical-json.ts';
import type { Environment, FlagSettings, Rule } from '../../core/model.ts';

/** Warnings of guards that a change sets, or whose rule it changes, and that will see nobody as things are. */
export function blindGuards(
  { key, recording }: Pick<Environment, 'key' | 'recording'>,
  before: FlagSettings,
  after: FlagSettings,
): string[] {
  const known = new Map(before.rules.map((rule) => [rule.id, textOf(rule)]));
  const guarded = after.rules.filter(
    (rule) => rule.guard !== undefined && known.get(rule.id) !== textOf(rule),
  );
  return guarded.flatMap((rule) => [
    ...(recording?.disabled === true
      ? [`the guard of rule ${rule.id} sees nobody: environment ${key} records nothing`]
      : []),
    ...(isForNobody(rule)
      ? [
          `the guard of rule ${rule.id} sees nobody, and does not go forward, until somebody is in: set a rollout`,
        ]
      : []),
  ]);
}

function isForNobody({ rollout, ramp }: Rule): boolean {
  return rollout?.weight === 0 && ramp === undefined;
}

function textOf({ guardState, ...rule }: Rule): string {
  return canonicalJson(rule);
}

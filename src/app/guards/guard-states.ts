import { canonicalJson } from '../../core/canonical-json.ts';
import type { Operation } from '../../core/change.ts';
import type { FlagSettings, GuardState, Instant, Rule } from '../../core/model.ts';
import type { ProjectState } from '../project-state.ts';

/**
 * The same operations, with the states that their guards have from now on: whatever changes whom a rule serves, and what,
 * has its guard begin anew, and a guard whose rule stays as it is stays as it is. Only who says that it moved a guard at
 * this very moment is believed.
 */
export function withGuardStates(
  before: ProjectState,
  operations: readonly Operation[],
  now: Instant,
): Operation[] {
  return operations.map((operation) => {
    if (operation.op === 'delete' || operation.object.kind !== 'settings') return operation;
    const { environment, state } = operation.object;
    if (state.rules.every(({ guard, guardState }) => guard === undefined && guardState === undefined))
      return operation;
    const earlier = before.settings.get(environment)?.get(state.flag)?.state;
    const rules = state.rules.map((rule) => withState(rule, state, earlier, now));
    return { op: 'put', object: { kind: 'settings', environment, state: { ...state, rules } } };
  });
}

function withState(
  rule: Rule,
  settings: FlagSettings,
  earlier: FlagSettings | undefined,
  now: Instant,
): Rule {
  const { guardState, ...rest } = rule;
  if (rule.guard === undefined) return rest;
  if (guardState?.since === now) return rule;
  const before = earlier?.rules.find(({ id }) => id === rule.id);
  const kept =
    earlier !== undefined && before !== undefined && watched(before, earlier) === watched(rule, settings)
      ? before.guardState
      : undefined;
  return { ...rest, guardState: kept ?? beginning(now) };
}

function beginning(now: Instant): GuardState {
  return { status: 'watching', since: now, note: '' };
}

/** What must stay the same for what was seen to go on counting. */
function watched({ guardState, name, priority, ...rule }: Rule, { enabled, halt }: FlagSettings): string {
  return canonicalJson({ rule, enabled, halted: halt !== undefined });
}

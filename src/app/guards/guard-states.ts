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
  const before = earlier?.rules.find(({ id }) => id === rule.id);
  if (guardState?.since === now && guardState !== before?.guardState) return rule;
  const isSame = before !== undefined && servedBy(before) === servedBy(rule);
  const kept = isSame && earlier !== undefined ? keptState(before, earlier, settings, now) : undefined;
  return { ...rest, guardState: kept ?? { status: 'watching', since: now, note: '' } };
}

/** What must stay the same for what was seen to go on counting. */
function servedBy({ guardState, name, priority, ...rule }: Rule): string {
  return canonicalJson(rule);
}

/**
 * Of a rule that stays as it is. If the flag is switched, what was seen counts no more; but a guard that has stepped back
 * does not take that for leave to go forward again, or it would with every night that a flag is off. One that halts the
 * flag does: whoever ends the halt means it.
 */
function keptState(
  { guardState, guard }: Rule,
  earlier: FlagSettings,
  settings: FlagSettings,
  now: Instant,
): GuardState | undefined {
  const isSwitched =
    earlier.enabled !== settings.enabled || (earlier.halt === undefined) !== (settings.halt === undefined);
  if (!isSwitched) return guardState;
  const staysBack = guardState?.status === 'resting' && guard?.onRegression === 'step_back';
  return staysBack ? { ...guardState, since: now } : undefined;
}

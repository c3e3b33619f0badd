import { FlagError, invalid } from '../../core/errors.ts';
import type { Flag, FlagSettings, Instant, ScheduledChange } from '../../core/model.ts';
import { withRollout } from '../../core/scheduled-action.ts';
import type { ProjectState } from '../project-state.ts';
import type { Plan } from '../writer.ts';
import { freeId } from './rule-ids.ts';
import { ROLLOUT_RULE, rolloutRule, ruleOf, withRule } from './rules.ts';
import { changeSettings, type SettingsAt } from './settings.ts';

const FURTHEST_YEARS = 10;

/**
 * Without an id the change gets one. A rollout without a rule is about the rule `rollout`, which is made at once if
 * need be, with nobody in it.
 */
export function scheduleChange(at: SettingsAt, change: ScheduledChange): Plan {
  return changeSettings(at, (settings, { flag, now }) => {
    expectSoon(change.at, now);
    const taken = new Set(settings.scheduledChanges.map(({ id }) => id));
    if (taken.has(change.id))
      throw new FlagError('already_exists', `there is a scheduled change ${change.id} already`, {
        reason: 'SCHEDULED_CHANGE_EXISTS',
      });
    const planned = { ...withRuleId(change), id: change.id || freeId('change', taken) };
    const scheduledChanges = [...settings.scheduledChanges, planned];
    return { ...withItsRule(settings, planned, flag, now), scheduledChanges };
  });
}

export function cancelScheduledChange(at: SettingsAt, id: string): Plan {
  return changeSettings(at, (settings) => {
    const scheduledChanges = settings.scheduledChanges.filter((change) => change.id !== id);
    if (scheduledChanges.length === settings.scheduledChanges.length)
      throw new FlagError('not_found', `flag ${at.flag} has no scheduled change ${id} here`, {
        reason: 'SCHEDULED_CHANGE_NOT_FOUND',
      });
    return { ...settings, scheduledChanges };
  });
}

export interface PendingChange {
  readonly flag: string;
  readonly change: ScheduledChange;
}

/** What is to happen in an environment by the time, earliest first. `flag` and `until` may be left out. */
export function pendingChanges(
  state: ProjectState,
  environment: string,
  { flag, until }: { readonly flag?: string | undefined; readonly until?: Instant | undefined },
): PendingChange[] {
  return [...(state.settings.get(environment)?.values() ?? [])]
    .filter(({ state: settings }) => flag === undefined || settings.flag === flag)
    .flatMap(({ state: settings }) =>
      settings.scheduledChanges.map((change) => ({ flag: settings.flag, change })),
    )
    .filter(({ change }) => until === undefined || change.at <= until)
    .sort((a, b) => compare(a.change.at, b.change.at) || compare(a.flag, b.flag));
}

function expectSoon(at: Instant, now: Instant): void {
  const path = 'scheduled_change.time';
  if (at <= now) throw invalid([{ path, message: 'must be in the future' }]);
  const furthest = new Date(now);
  furthest.setUTCFullYear(furthest.getUTCFullYear() + FURTHEST_YEARS);
  if (at > furthest.toISOString())
    throw invalid([{ path, message: `must be within ${FURTHEST_YEARS} years from now` }]);
}

function withRuleId(change: ScheduledChange): ScheduledChange {
  const { action } = change;
  return action.kind === 'rollout' && action.ruleId === ''
    ? { ...change, action: { ...action, ruleId: ROLLOUT_RULE } }
    : change;
}

function withItsRule(
  settings: FlagSettings,
  { action }: ScheduledChange,
  flag: Flag,
  now: Instant,
): FlagSettings {
  if (action.kind !== 'rollout') return settings;
  if (action.ruleId === ROLLOUT_RULE && settings.rules.every(({ id }) => id !== ROLLOUT_RULE))
    return withRule(settings, withRollout(rolloutRule(settings, flag), 0, now));
  ruleOf(settings, action.ruleId);
  return settings;
}

function compare(a: string, b: string): number {
  if (a === b) return 0;
  return a < b ? -1 : 1;
}

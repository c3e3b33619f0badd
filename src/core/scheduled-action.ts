import { FlagError } from './errors.ts';
import type { FlagSettings, Instant, Rule, ScheduledChange } from './model.ts';

/**
 * The settings once a scheduled change has been made: its action done and itself no longer pending. Throws
 * `failed_precondition` if the rule that it is about is gone.
 */
export function applyScheduledAction(
  settings: FlagSettings,
  change: ScheduledChange,
  now: Instant,
): FlagSettings {
  const scheduledChanges = settings.scheduledChanges.filter(({ id }) => id !== change.id);
  return { ...actedOn(settings, change, now), scheduledChanges };
}

function actedOn(settings: FlagSettings, { action, by }: ScheduledChange, now: Instant): FlagSettings {
  switch (action.kind) {
    case 'enable':
      return { ...settings, enabled: true };
    case 'disable':
      return { ...settings, enabled: false };
    case 'halt':
      return halted(settings, by, action.reason, now);
    case 'resume':
      return resumed(settings);
    case 'rollout': {
      if (!settings.rules.some(({ id }) => id === action.ruleId))
        throw new FlagError('failed_precondition', `there is no rule ${action.ruleId}`, {
          reason: 'RULE_NOT_FOUND',
        });
      const rules = settings.rules.map((rule) =>
        rule.id === action.ruleId ? withRollout(rule, action.weight, now) : rule,
      );
      return { ...settings, rules };
    }
    case 'default_variation':
      return { ...settings, defaultVariation: action.variation };
  }
}

/** Settings that are halted; a halt that stands already keeps its own actor, reason and time. */
export function halted(settings: FlagSettings, by: string, reason: string, now: Instant): FlagSettings {
  return settings.halt === undefined ? { ...settings, halt: { by, reason, at: now } } : settings;
}

/** Settings that are not halted. */
export function resumed(settings: FlagSettings): FlagSettings {
  const { halt, ...rest } = settings;
  return rest;
}

/** The rule with this rollout from now on: a ramp that has started would override it, so it ends here. */
export function withRollout(rule: Rule, weight: number, now: Instant): Rule {
  const { ramp, ...rest } = rule;
  const rollout = { ...rule.rollout, weight };
  return ramp === undefined || rampHasStarted(rule, now) ? { ...rest, rollout } : { ...rest, ramp, rollout };
}

/** Whether the rule has a ramp that decides its rollout now. */
export function rampHasStarted({ ramp }: Rule, now: Instant): boolean {
  switch (ramp?.kind) {
    case 'steps':
      return ramp.steps.some(({ startsAt }) => startsAt <= now);
    case 'linear':
      return ramp.startsAt <= now;
    case undefined:
      return false;
  }
}

import { FlagError, invalid } from '../../core/errors.ts';
import type { Flag, FlagSettings, Rule } from '../../core/model.ts';
import { rampHasStarted, withRollout } from '../../core/scheduled-action.ts';
import type { Plan } from '../writer.ts';
import { freeId } from './rule-ids.ts';
import { changeSettings, type SettingsAt } from './settings.ts';

/** The rule that a rollout to everybody is made with. */
export const ROLLOUT_RULE = 'rollout';

/** Without an id the rule gets one; with the priority 0 it comes last. */
export function createRule(at: SettingsAt, rule: Rule): Plan {
  return changeSettings(at, (settings) => {
    const taken = new Set(settings.rules.map(({ id }) => id));
    if (taken.has(rule.id))
      throw new FlagError('already_exists', `there is a rule ${rule.id} already`, { reason: 'RULE_EXISTS' });
    const id = rule.id || freeId('rule', taken);
    return withRule(settings, { ...rule, id, priority: rule.priority || lastPriority(settings) + 1 });
  });
}

/** Replaces the rule of that id; with the priority 0 it keeps the one that it has. */
export function updateRule(at: SettingsAt, rule: Rule): Plan {
  return changeSettings(at, (settings) => {
    const { priority } = ruleOf(settings, rule.id);
    return withRule(settings, { ...rule, priority: rule.priority || priority });
  });
}

export function deleteRule(at: SettingsAt, ruleId: string): Plan {
  return changeSettings(at, (settings) => {
    ruleOf(settings, ruleId);
    return { ...settings, rules: settings.rules.filter(({ id }) => id !== ruleId) };
  });
}

export interface NewRollout {
  /** Empty: the rule `rollout`, which is made if need be. */
  readonly ruleId: string;
  readonly weight: number;
  /** What the rule `rollout` serves. Empty: what it serves already, or what is true of a boolean flag. */
  readonly variation: string;
}

/** Ends a ramp that has started and would override the rollout. */
export function setRollout(at: SettingsAt, { ruleId, weight, variation }: NewRollout): Plan {
  return changeSettings(at, (settings, { flag, now, warn }) => {
    const id = ruleId || ROLLOUT_RULE;
    if (id !== ROLLOUT_RULE && variation !== '')
      throw invalid([{ path: 'variation', message: `is for the rule ${ROLLOUT_RULE} only` }]);
    const rule =
      id === ROLLOUT_RULE
        ? withVariation(rolloutRule(settings, flag, variation), variation)
        : ruleOf(settings, id);
    if (rampHasStarted(rule, now))
      warn(`the ramp of rule ${id} would have overridden this rollout and was ended`);
    else if (rule.ramp !== undefined)
      warn(`rule ${id} has a ramp that will override this rollout when it starts`);
    return withRule(settings, withRollout(rule, weight, now));
  });
}

/** The rule `rollout`: as it is, or a new one that comes last and serves the variation, or what is true of a boolean flag. */
export function rolloutRule(settings: FlagSettings, flag: Flag, variation = ''): Rule {
  const existing = settings.rules.find(({ id }) => id === ROLLOUT_RULE);
  if (existing !== undefined) return existing;
  const served = variation || flag.variations.find(({ value }) => value === true)?.key;
  if (served === undefined)
    throw invalid([{ path: 'variation', message: `is required: a ${flag.type} flag has none that is true` }]);
  return {
    id: ROLLOUT_RULE,
    name: '',
    priority: lastPriority(settings) + 1,
    serve: { kind: 'variation', variation: served },
    recordExposures: true,
  };
}

/** The settings with this rule in the place of the one with its id, or at the end. */
export function withRule(settings: FlagSettings, rule: Rule): FlagSettings {
  const isNew = settings.rules.every(({ id }) => id !== rule.id);
  const rules = isNew
    ? [...settings.rules, rule]
    : settings.rules.map((each) => (each.id === rule.id ? rule : each));
  return { ...settings, rules };
}

/** The rule of that id, or `not_found`. */
export function ruleOf(settings: FlagSettings, ruleId: string): Rule {
  const rule = settings.rules.find(({ id }) => id === ruleId);
  if (rule === undefined)
    throw new FlagError('not_found', `flag ${settings.flag} has no rule ${ruleId} here`, {
      reason: 'RULE_NOT_FOUND',
    });
  return rule;
}

function withVariation(rule: Rule, variation: string): Rule {
  return variation === '' ? rule : { ...rule, serve: { kind: 'variation', variation } };
}

function lastPriority({ rules }: FlagSettings): number {
  return rules.reduce((last, { priority }) => Math.max(last, priority), 0);
}

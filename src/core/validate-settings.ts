import {
  checkCount,
  checkInstant,
  checkKey,
  checkLabel,
  checkText,
  checkUnique,
  checkWeight,
  violationsOf,
} from './checks.ts';
import type { Violation } from './errors.ts';
import type { Limits } from './limits.ts';
import type { Flag, FlagSettings, ScheduledAction } from './model.ts';
import { checkRules, checkVariation, type RulePlace } from './validate-rule.ts';

const HASHES: readonly string[] = ['murmur3', 'sha256', 'fnv1a'];

/** Everything that is wrong with a flag's settings by themselves and by the flag; other objects are not looked at. */
export function validateSettings(settings: FlagSettings, flag: Flag, limits: Limits): Violation[] {
  return violationsOf((report) => {
    const variations: ReadonlySet<string> = new Set(flag.variations.map(({ key }) => key));
    const place: RulePlace = { variations, limits, report };
    const { bucketBy, defaultVariation, halt, hash, salt } = settings;
    if (settings.flag !== flag.key) report('flag', `must be ${flag.key}`);
    if (defaultVariation !== undefined) checkVariation(defaultVariation, 'default_variation', place);
    if (halt !== undefined) {
      checkText(halt.by, 'halt.actor', limits, report);
      checkText(halt.reason, 'halt.reason', limits, report);
      checkInstant(halt.at, 'halt.time', report);
    }
    checkPrerequisites(settings, place);
    checkTargets(settings, place);
    checkRules(settings.rules, place);
    if (bucketBy !== undefined) checkText(bucketBy, 'bucket_by', limits, report);
    if (salt !== undefined) checkText(salt, 'salt', limits, report);
    if (!HASHES.includes(hash)) report('hash', 'is not known here');
    checkScheduledChanges(settings, place);
  });
}

function checkPrerequisites(settings: FlagSettings, { limits, report }: RulePlace): void {
  const { prerequisites } = settings;
  const flags = prerequisites.map(({ flag }) => flag);
  checkCount(flags.length, 'prerequisitesPerFlag', 'prerequisites', limits, report);
  checkUnique(flags, (index) => `prerequisites[${index}].flag`, report);
  for (const [index, { flag, variations }] of prerequisites.entries()) {
    const path = `prerequisites[${index}]`;
    checkKey(flag, `${path}.flag`, report);
    if (flag === settings.flag) report(`${path}.flag`, 'must be another flag');
    if (variations.length === 0) report(`${path}.variations`, 'must not be empty');
    checkCount(variations.length, 'variationsPerFlag', `${path}.variations`, limits, report);
    checkUnique(variations, (at) => `${path}.variations[${at}]`, report);
  }
}

function checkTargets({ targets }: FlagSettings, place: RulePlace): void {
  const { limits, report } = place;
  const count = targets.reduce((sum, { keys }) => sum + keys.length, 0);
  if (count > limits.targetKeysPerFlag) {
    checkCount(count, 'targetKeysPerFlag', 'targets', limits, report);
    return;
  }
  const variations = targets.map(({ variation }) => variation);
  checkUnique(variations, (index) => `targets[${index}].variation`, report);
  const owners = new Map<string, string>();
  for (const [index, { variation, keys }] of targets.entries()) {
    checkVariation(variation, `targets[${index}].variation`, place);
    for (const [at, key] of keys.entries()) {
      const path = `targets[${index}].targeting_keys[${at}]`;
      const owner = owners.get(key);
      if (key === '') report(path, 'must not be empty');
      if (owner !== undefined) report(path, `${JSON.stringify(key)} has variation ${owner} already`);
      checkText(key, path, limits, report);
      owners.set(key, variation);
    }
  }
}

function checkScheduledChanges(settings: FlagSettings, place: RulePlace): void {
  const { limits, report } = place;
  const { scheduledChanges } = settings;
  checkCount(scheduledChanges.length, 'scheduledChangesPerFlag', 'scheduled_changes', limits, report);
  const ids = scheduledChanges.map(({ id }) => id);
  checkUnique(ids, (index) => `scheduled_changes[${index}].id`, report);
  const rules = new Set(settings.rules.map(({ id }) => id));
  for (const [index, { id, at, action, by }] of scheduledChanges.entries()) {
    const path = `scheduled_changes[${index}]`;
    checkLabel(id, `${path}.id`, report);
    checkInstant(at, `${path}.time`, report);
    checkText(by, `${path}.actor`, limits, report);
    checkAction(action, path, rules, place);
  }
}

function checkAction(
  action: ScheduledAction,
  path: string,
  rules: ReadonlySet<string>,
  place: RulePlace,
): void {
  const { limits, report } = place;
  switch (action.kind) {
    case 'enable':
    case 'disable':
    case 'resume':
      return;
    case 'halt':
      checkText(action.reason, `${path}.halt_reason`, limits, report);
      return;
    case 'rollout':
      if (!rules.has(action.ruleId)) {
        report(`${path}.rollout.rule_id`, `there is no rule ${JSON.stringify(action.ruleId)}`);
      }
      checkWeight(action.weight, `${path}.rollout.weight`, report);
      return;
    case 'default_variation':
      checkVariation(action.variation, `${path}.default_variation`, place);
      return;
    default:
      report(path, 'is an action of a kind that is not known here');
  }
}

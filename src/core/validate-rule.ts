import {
  checkCount,
  checkInstant,
  checkLabel,
  checkText,
  checkUnique,
  checkWeight,
  type Report,
} from './checks.ts';
import type { Limits } from './limits.ts';
import { type Ramp, type RampStep, type Rule, type Serve, WHOLE } from './model.ts';
import { checkCondition } from './validate-condition.ts';
import { checkGuard } from './validate-guard.ts';

/** What the rules of a flag are checked against. */
export interface RulePlace {
  readonly variations: ReadonlySet<string>;
  readonly limits: Limits;
  readonly report: Report;
}

/** What is wrong with the rules of a flag. */
export function checkRules(rules: readonly Rule[], place: RulePlace): void {
  const { limits, report } = place;
  checkCount(rules.length, 'rulesPerFlag', 'rules', limits, report);
  checkUnique(
    rules.map(({ id }) => id),
    (index) => `rules[${index}].id`,
    report,
  );
  for (const [index, rule] of rules.entries()) checkRule(rule, `rules[${index}]`, place);
}

function checkRule(rule: Rule, path: string, place: RulePlace): void {
  const { limits, report } = place;
  checkLabel(rule.id, `${path}.id`, report);
  checkText(rule.name, `${path}.display_name`, limits, report);
  if (!Number.isFinite(rule.priority)) report(`${path}.priority`, 'must be a number');
  if (rule.condition !== undefined) checkCondition(rule.condition, `${path}.condition`, limits, report);
  if (rule.rollout !== undefined) {
    checkWeight(rule.rollout.weight, `${path}.rollout.weight`, report);
    if (rule.rollout.salt !== undefined) checkText(rule.rollout.salt, `${path}.rollout.salt`, limits, report);
  }
  if (rule.ramp !== undefined) checkRamp(rule.ramp, `${path}.ramp`, limits, report);
  if (rule.ramp?.kind === 'steps' && rule.rollout === undefined)
    report(`${path}.rollout`, 'is needed with a ramp of steps: it says who is in before the first one');
  checkServe(rule.serve, `${path}.serve`, place);
  if (rule.guard !== undefined) checkGuard(rule.guard, rule, path, limits, report);
}

function checkServe(serve: Serve, path: string, place: RulePlace): void {
  const { report } = place;
  switch (serve.kind) {
    case 'variation':
      checkVariation(serve.variation, `${path}.variation`, place);
      return;
    case 'split': {
      const { variations } = serve;
      let sum = 0;
      for (const [index, { variation, weight }] of variations.entries()) {
        checkVariation(variation, `${path}.split.variations[${index}].variation`, place);
        checkWeight(weight, `${path}.split.variations[${index}].weight`, report);
        sum += weight;
      }
      const keys = variations.map(({ variation }) => variation);
      checkUnique(keys, (index) => `${path}.split.variations[${index}].variation`, report);
      if (sum !== WHOLE) report(`${path}.split`, `weights must sum up to ${WHOLE}, not ${sum}`);
      return;
    }
    default:
      report(path, 'is of a kind that is not known here');
  }
}

/** Reports a variation that the flag does not have. */
export function checkVariation(key: string, path: string, { variations, report }: RulePlace): void {
  if (!variations.has(key)) report(path, `there is no variation ${JSON.stringify(key)}`);
}

function checkRamp(ramp: Ramp, path: string, limits: Limits, report: Report): void {
  switch (ramp.kind) {
    case 'steps':
      checkSteps(ramp.steps, `${path}.steps.steps`, limits, report);
      return;
    case 'linear': {
      const startMs = checkInstant(ramp.startsAt, `${path}.linear.start_time`, report);
      const endMs = checkInstant(ramp.endsAt, `${path}.linear.end_time`, report);
      if (startMs !== undefined && endMs !== undefined && startMs >= endMs) {
        report(`${path}.linear.end_time`, 'must be after start_time');
      }
      checkWeight(ramp.fromWeight, `${path}.linear.from_weight`, report);
      checkWeight(ramp.toWeight, `${path}.linear.to_weight`, report);
      return;
    }
    default:
      report(path, 'is of a kind that is not known here');
  }
}

function checkSteps(steps: readonly RampStep[], path: string, limits: Limits, report: Report): void {
  if (steps.length === 0) report(path, 'must not be empty');
  checkCount(steps.length, 'stepsPerRamp', path, limits, report);
  let previousMs = Number.NEGATIVE_INFINITY;
  for (const [index, { startsAt, weight }] of steps.entries()) {
    checkWeight(weight, `${path}[${index}].weight`, report);
    const startMs = checkInstant(startsAt, `${path}[${index}].start_time`, report);
    if (startMs === undefined) continue;
    if (startMs <= previousMs) report(`${path}[${index}].start_time`, 'must be after the step before it');
    previousMs = startMs;
  }
}

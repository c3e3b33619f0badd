import { compileCondition, constantOf, segmentsOf } from './condition.ts';
import { describeServe, percent } from './describe.ts';
import { type Rule, type Serve, type WeightedVariation, WHOLE } from './model.ts';
import type { Outcome } from './outcome.ts';
import type { OutcomeMaker } from './outcomes.ts';
import type { Closure, Predicate, Probe } from './probe.ts';
import { checked } from './ramp.ts';
import { type Bucketing, compileBucket, compileRollout, type Standing } from './rollout.ts';

/** Decides, or leaves it to the next one. */
export type Stage = Closure<Outcome | undefined>;

/** What every rule of a flag is compiled with. */
export interface RuleSetting {
  readonly bucketing: Bucketing;
  /** The attribute that a rule misses when there is no bucketing value. */
  readonly bucketBy: string;
  readonly outcomes: OutcomeMaker;
  readonly probe: Probe;
}

/** A rule as a stage. Throws for a rule that cannot be evaluated. `path` says where it is in the definition. */
export function compileRule(rule: Rule, path: string, setting: RuleSetting): Stage {
  const { condition } = rule;
  const matches = condition && compileCondition(condition, `${path}.condition`, setting.probe);
  const standingOf = compileStanding(rule, path, setting);
  const split = compileSplit(rule, path, setting);
  const run =
    split === undefined
      ? oneVariation(matches, standingOf, served(rule, setting))
      : severalVariations(matches, standingOf, split, keylessOutcome(rule, setting));
  const describe = () => `${rule.name || rule.id}: ${describeServe(rule.serve)}`;
  return setting.probe({ kind: 'rule', path, describe }, run, (outcome) => outcome !== undefined);
}

/**
 * What a rule does whoever asks and whenever: `passes` lets everybody go on, `decides` serves everybody one variation;
 * undefined if that depends.
 */
export function constantEffect(rule: Rule): 'passes' | 'decides' | undefined {
  const weight = rule.rollout?.weight ?? WHOLE;
  const admits = constantOf(rule.condition);
  if (admits === false || (weight === 0 && rule.ramp === undefined)) return 'passes';
  const isCertain = admits === true && weight === WHOLE && rule.ramp === undefined;
  return isCertain && onlyVariation(rule.serve) !== undefined ? 'decides' : undefined;
}

/** The outcomes of a rule that serves one variation. */
interface Served {
  readonly matched: Outcome;
  readonly bySplit: Outcome;
  readonly keyless: Outcome;
}

function oneVariation(
  matches: Predicate | undefined,
  standingOf: Closure<Standing> | undefined,
  { matched, bySplit, keyless }: Served,
): Stage {
  return (evaluation) => {
    if (matches !== undefined && !matches(evaluation)) return undefined;
    if (standingOf === undefined) return matched;
    switch (standingOf(evaluation)) {
      case 'everybody':
        return matched;
      case 'included':
        return bySplit;
      case 'keyless':
        return keyless;
      case 'excluded':
        return undefined;
    }
  };
}

function severalVariations(
  matches: Predicate | undefined,
  standingOf: Closure<Standing> | undefined,
  split: Closure<Outcome>,
  keyless: Outcome,
): Stage {
  return (evaluation) => {
    if (matches !== undefined && !matches(evaluation)) return undefined;
    const standing = standingOf === undefined ? 'everybody' : standingOf(evaluation);
    if (standing === 'excluded') return undefined;
    return standing === 'keyless' ? keyless : split(evaluation);
  };
}

function compileStanding(rule: Rule, path: string, { bucketing, probe }: RuleSetting) {
  const run = compileRollout(rule, bucketing);
  if (run === undefined) return undefined;
  const part = rule.ramp === undefined ? 'rollout' : 'ramp';
  const describe = () => (part === 'ramp' ? part : percent(rule.rollout?.weight ?? WHOLE));
  return probe(
    { kind: 'rollout', path: `${path}.${part}`, describe },
    run,
    (standing) => standing === 'everybody' || standing === 'included',
  );
}

function served(rule: Rule, setting: RuleSetting): Served {
  const { outcomes } = setting;
  const variation = onlyVariation(rule.serve) ?? '';
  demand(variation, outcomes);
  const extra = { ruleId: rule.id, recordExposures: rule.recordExposures };
  const usesSegment = segmentsOf(rule.condition).length > 0;
  return {
    matched: outcomes.serve(variation, usesSegment ? 'SEGMENT_MATCH' : 'TARGETING_MATCH', extra),
    bySplit: outcomes.serve(variation, 'SPLIT', extra),
    keyless: keylessOutcome(rule, setting),
  };
}

/** The choice among weighted variations; undefined if everybody gets the same one. */
function compileSplit(rule: Rule, path: string, setting: RuleSetting): Closure<Outcome> | undefined {
  const { serve } = rule;
  if (onlyVariation(serve) !== undefined || serve.kind !== 'split') return undefined;
  const { bucketing, outcomes, probe } = setting;
  const extra = { ruleId: rule.id, recordExposures: rule.recordExposures };
  let end = 0;
  const picks = shares(serve.variations).map(({ variation, weight }) => {
    demand(variation, outcomes);
    end += weight;
    return { end, outcome: outcomes.serve(variation, 'SPLIT', extra) };
  });
  const bucketOf = compileBucket(bucketing);
  const keyless = keylessOutcome(rule, setting);
  const pick: Closure<Outcome> = (evaluation) => {
    const bucket = bucketOf(evaluation);
    evaluation.meter?.measured(bucket, undefined);
    if (bucket >= 0) for (const one of picks) if (bucket < one.end) return one.outcome;
    return keyless;
  };
  const describe = () => describeServe(serve);
  return probe(
    { kind: 'split', path: `${path}.serve.split`, describe },
    pick,
    (outcome) => outcome !== keyless,
  );
}

/** The variation that everybody gets whom the rule serves; undefined if there are several. */
function onlyVariation(serve: Serve): string | undefined {
  switch (serve.kind) {
    case 'variation':
      return serve.variation;
    case 'split': {
      const [first, ...others] = shares(serve.variations);
      return others.length === 0 ? first?.variation : undefined;
    }
    default:
      throw new Error(`unknown way to serve ${JSON.stringify((serve satisfies never as Serve).kind)}`);
  }
}

/** The variations of a split that anybody gets. Throws unless the weights sum up to everybody. */
function shares(variations: readonly WeightedVariation[]): WeightedVariation[] {
  const sum = variations.reduce((total, { weight }) => total + checked(weight), 0);
  if (sum !== WHOLE) throw new Error(`the weights of a split sum up to ${sum}, not ${WHOLE}`);
  return variations.filter(({ weight }) => weight > 0);
}

function keylessOutcome(rule: Rule, { bucketBy, outcomes }: RuleSetting): Outcome {
  return outcomes.fail('TARGETING_KEY_MISSING', `rule ${rule.id} needs ${bucketBy}`);
}

function demand(variation: string, outcomes: OutcomeMaker): void {
  if (!outcomes.has(variation)) throw new Error(`there is no variation ${JSON.stringify(variation)}`);
}

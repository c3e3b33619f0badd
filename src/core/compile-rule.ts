import { compileCondition, constantOf, segmentsOf } from './condition.ts';
import { describeServe, percent } from './describe.ts';
import { type Rule, type Serve, type WeightedVariation, WHOLE } from './model.ts';
import type { Outcome } from './outcome.ts';
import type { OutcomeMaker } from './outcomes.ts';
import type { Closure, Probe } from './probe.ts';
import { checked } from './ramp.ts';
import { type Bucketing, compileBucket, compileRollout, type Standing } from './rollout.ts';

/** Decides, or leaves it to the next one. */
export type Stage = Closure<Outcome | undefined>;

/** What every rule of a flag is compiled with. */
export interface RuleSetting {
  readonly bucketing: Bucketing;
  readonly outcomes: OutcomeMaker;
  readonly probe: Probe;
}

/** A rule as a stage. Throws for a rule that cannot be evaluated. `path` says where it is in the definition. */
export function compileRule(rule: Rule, path: string, setting: RuleSetting): Stage {
  const { probe } = setting;
  const matches =
    rule.condition === undefined ? undefined : compileCondition(rule.condition, `${path}.condition`, probe);
  const standingOf = compileStanding(rule, path, setting);
  const serve = compileServe(rule, path, setting);
  const keyless = keylessOutcome(rule, setting);
  const run: Stage = (evaluation) => {
    if (matches !== undefined && !matches(evaluation)) return undefined;
    const standing = standingOf === undefined ? 'everybody' : standingOf(evaluation);
    if (standing === 'excluded') return undefined;
    return standing === 'keyless' ? keyless : serve(evaluation, standing);
  };
  const describe = () => `${rule.name || rule.id}: ${describeServe(rule.serve)}`;
  return probe.step({ kind: 'rule', path, describe }, run, (outcome) => outcome !== undefined);
}

/**
 * What a rule does whoever asks and whenever: `passes` lets everybody go on, `decides` serves everybody one variation;
 * undefined if that depends.
 */
export function constantEffect(rule: Rule): 'passes' | 'decides' | undefined {
  const weight = rule.rollout?.weight ?? WHOLE;
  const admits = constantOf(rule.condition);
  if (admits === false || (weight === 0 && rule.ramp === undefined)) return 'passes';
  const servesOne = rule.serve.kind === 'variation' || shares(rule.serve.variations).length === 1;
  return admits === true && weight === WHOLE && rule.ramp === undefined && servesOne ? 'decides' : undefined;
}

function compileStanding(rule: Rule, path: string, { bucketing, probe }: RuleSetting) {
  const run = compileRollout(rule.rollout, rule.ramp, bucketing, rule.id, probe);
  if (run === undefined) return undefined;
  const describe = () =>
    rule.ramp === undefined ? `${percent(rule.rollout?.weight ?? WHOLE)} of it` : 'ramp';
  const label = {
    kind: 'rollout',
    path: `${path}.${rule.ramp === undefined ? 'rollout' : 'ramp'}`,
    describe,
  } as const;
  return probe.step(label, run, (standing) => standing === 'everybody' || standing === 'included');
}

type Server = (evaluation: Parameters<Stage>[0], standing: Standing) => Outcome;

function compileServe(rule: Rule, path: string, setting: RuleSetting): Server {
  const { serve } = rule;
  switch (serve.kind) {
    case 'variation':
      return compileVariation(rule, serve.variation, setting);
    case 'split':
      return compileSplit(rule, serve, path, setting);
    default:
      throw new Error(`unknown way to serve ${JSON.stringify((serve satisfies never as Serve).kind)}`);
  }
}

function compileVariation(rule: Rule, variation: string, { outcomes }: RuleSetting): Server {
  demand(variation, outcomes);
  const extra = { ruleId: rule.id, recordExposures: rule.recordExposures };
  const usesSegment = segmentsOf(rule.condition).length > 0;
  const matched = outcomes.serve(variation, usesSegment ? 'SEGMENT_MATCH' : 'TARGETING_MATCH', extra);
  const split = outcomes.serve(variation, 'SPLIT', extra);
  return (_evaluation, standing) => (standing === 'included' ? split : matched);
}

function compileSplit(
  rule: Rule,
  serve: Serve & { kind: 'split' },
  path: string,
  setting: RuleSetting,
): Server {
  const { bucketing, outcomes, probe } = setting;
  const parts = shares(serve.variations);
  const [first] = parts;
  if (first !== undefined && parts.length === 1) return compileVariation(rule, first.variation, setting);
  const extra = { ruleId: rule.id, recordExposures: rule.recordExposures };
  let end = 0;
  const picks = parts.map(({ variation, weight }) => {
    demand(variation, outcomes);
    end += weight;
    return { end, outcome: outcomes.serve(variation, 'SPLIT', extra) };
  });
  const bucketOf = compileBucket(bucketing, bucketing.salt, probe);
  const keyless = keylessOutcome(rule, setting);
  const pick: Closure<Outcome> = (evaluation) => {
    const bucket = bucketOf(evaluation);
    if (bucket >= 0) for (const one of picks) if (bucket < one.end) return one.outcome;
    return keyless;
  };
  const label = { kind: 'split', path: `${path}.serve.split`, describe: () => describeServe(serve) } as const;
  return probe.step(label, pick, (outcome) => outcome !== keyless);
}

/** The variations of a split that anybody gets. Throws unless the weights sum up to everybody. */
function shares(variations: readonly WeightedVariation[]): WeightedVariation[] {
  const sum = variations.reduce((total, { weight }) => total + checked(weight), 0);
  if (sum !== WHOLE) throw new Error(`the weights of a split sum up to ${sum}, not ${WHOLE}`);
  return variations.filter(({ weight }) => weight > 0);
}

function keylessOutcome(rule: Rule, { bucketing, outcomes }: RuleSetting): Outcome {
  const needed = bucketing.bucketBy || 'a targeting key';
  return outcomes.fail('TARGETING_KEY_MISSING', `rule ${rule.id} needs ${needed}`);
}

function demand(variation: string, outcomes: OutcomeMaker): void {
  if (!outcomes.has(variation)) throw new Error(`there is no variation ${JSON.stringify(variation)}`);
}

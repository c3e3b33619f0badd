import { type CompiledFlag, compileFlag } from '../../src/core/compile-flag.ts';
import { type CompiledSegment, compileSegment } from '../../src/core/compile-segment.ts';
import type { Context } from '../../src/core/context.ts';
import { Evaluation } from '../../src/core/evaluation.ts';
import { type Condition, type Flag, initialSettings, type Rule } from '../../src/core/model.ts';
import type { Outcome } from '../../src/core/outcome.ts';
import { buildSnapshot, type Snapshot } from '../../src/core/snapshot.ts';
import { at, type Contender } from './contender.ts';
import { askedFlags, type BenchFlag, type BenchRule, type Scenario } from './scenario.ts';

export async function setUp(scenario: Scenario): Promise<Contender> {
  const snapshot = snapshotOf(scenario);
  const contexts = scenario.users.map(({ id, attributes }): Context => ({ targetingKey: id, attributes }));
  const keys = askedFlags(scenario);
  const { asks } = scenario;
  return {
    work:
      asks.kind === 'one'
        ? { kind: 'sync', run: (index) => evaluateOne(snapshot, at(contexts, index), asks.flag) }
        : { kind: 'sync', run: (index) => countAll(snapshot, at(contexts, index)) },
    answers: async (user) => answersOf(snapshot, at(contexts, user), keys, asks.kind),
  };
}

const CALLS_PER_LOOK = 100;
let callsUntilLook = 0;
let nowMs = 0;

/**
 * The evaluator is given the time. Here the clock is looked at now and then, as by a host that evaluates thousands of
 * times a second: it takes nearly as long as an evaluation.
 */
function now(): number {
  if (callsUntilLook-- === 0) {
    nowMs = Date.now();
    callsUntilLook = CALLS_PER_LOOK;
  }
  return nowMs;
}

function evaluateOne(snapshot: Snapshot, context: Context, flag: string): number {
  return isOn(new Evaluation(snapshot, context, now()).flag(flag)) ? 1 : 0;
}

function countAll(snapshot: Snapshot, context: Context): number {
  let on = 0;
  const evaluation = Evaluation.ofMany(snapshot, context, now());
  for (const flag of snapshot.sortedFlags()) if (isOn(evaluation.answer(flag))) on++;
  return on;
}

function answersOf(
  snapshot: Snapshot,
  context: Context,
  keys: readonly string[],
  asks: 'one' | 'all',
): boolean[] {
  if (asks === 'one') return keys.map((key) => evaluateOne(snapshot, context, key) === 1);
  const evaluation = Evaluation.ofMany(snapshot, context, Date.now());
  const on = new Map(snapshot.sortedFlags().map((flag) => [flag.key, isOn(evaluation.answer(flag))]));
  return keys.map((key) => on.get(key) ?? false);
}

function isOn(outcome: Outcome): boolean {
  return outcome.value === true;
}

/** The flags of a scenario, compiled. */
export function snapshotOf({ flags, betaUsers }: Scenario): Snapshot {
  const parts = { project: 'bench', environment: 'production', revision: 1, releases: [] };
  return buildSnapshot({ ...parts, flags: flags.map(compiledFlag), segments: [betaSegment(betaUsers)] });
}

const NEVER = '2026-01-01T00:00:00.000Z';

function compiledFlag({ key, rules, requires }: BenchFlag): CompiledFlag {
  const flag: Flag = {
    ...{ key, name: key, description: '', tags: [], owner: '', type: 'boolean', status: 'active' },
    variations: [
      { key: 'on', value: true },
      { key: 'off', value: false },
    ],
    ...{
      defaultVariation: 'off',
      clientVisible: false,
      temporary: false,
      createdAt: NEVER,
      updatedAt: NEVER,
    },
  };
  return compileFlag(
    flag,
    {
      ...initialSettings(key),
      enabled: true,
      prerequisites: requires === undefined ? [] : [{ flag: requires, variations: ['on'] }],
      rules: rules.map((rule, index) => ruleOf(rule, index, key)),
    },
    1,
  );
}

/** The rollout is salted with the flag's key, as it is in flagd, so that both choose the same users. */
function ruleOf(rule: BenchRule, index: number, flag: string): Rule {
  const condition = conditionOf(rule);
  const percent = rule.kind === 'attribute' ? rule.percent : undefined;
  return {
    ...{ id: `rule-${index}`, name: '', priority: index, recordExposures: true },
    serve: { kind: 'variation', variation: 'on' },
    ...(condition === undefined ? {} : { condition }),
    ...(percent === undefined ? {} : { rollout: { weight: percent * 1000, salt: flag } }),
  };
}

function conditionOf(rule: BenchRule): Condition | undefined {
  switch (rule.kind) {
    case 'everybody':
      return undefined;
    case 'segment':
      return { kind: 'segment', segments: ['beta'], negate: false };
    case 'attribute':
      return { kind: 'clause', attribute: rule.attribute, operator: 'in', values: rule.values };
  }
}

function betaSegment(included: readonly string[]): CompiledSegment {
  const texts = { key: 'beta', name: 'beta', description: '', createdAt: NEVER, updatedAt: NEVER };
  return compileSegment({ ...texts, included, excluded: [], archived: false }, 1);
}

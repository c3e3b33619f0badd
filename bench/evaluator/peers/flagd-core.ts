import { FlagdCore } from '@openfeature/flagd-core';
import { at, type Contender, flat } from '../contender.ts';
import { askedFlags, type BenchFlag, type BenchRule, type Scenario } from '../scenario.ts';

/** JsonLogic, compiled to JavaScript, as the in-process provider of flagd uses it. It knows no prerequisites. */
export async function setUp(scenario: Scenario): Promise<Contender | undefined> {
  const { asks, flags } = scenario;
  if (flags.some(({ requires }) => requires !== undefined)) return undefined;
  const core = new FlagdCore();
  core.setConfigurations(JSON.stringify(configuration(scenario)));
  const contexts = scenario.users.map((user) => flat(user, 'targetingKey'));
  const isOn = (key: string, user: number) =>
    core.resolveBooleanEvaluation(key, false, at(contexts, user)).value;
  return {
    work:
      asks.kind === 'one'
        ? { kind: 'sync', run: (index) => (isOn(asks.flag, index) ? 1 : 0) }
        : { kind: 'sync', run: (index) => core.resolveAll(at(contexts, index)).length },
    answers: async (user) => {
      if (asks.kind === 'one') return [isOn(asks.flag, user)];
      const all = new Map(core.resolveAll(at(contexts, user)).map(({ flagKey, value }) => [flagKey, value]));
      return askedFlags(scenario).map((key) => all.get(key) === true);
    },
  };
}

function configuration({ flags, betaUsers }: Scenario) {
  return {
    $evaluators: { beta: { in: [{ var: 'targetingKey' }, betaUsers] } },
    flags: Object.fromEntries(flags.map((flag) => [flag.key, definition(flag)])),
  };
}

function definition({ rules }: BenchFlag) {
  const variants = { on: true, off: false };
  const branches = rules.flatMap((rule) => [conditionOf(rule), effectOf(rule)]);
  return { state: 'ENABLED', variants, defaultVariant: 'off', targeting: { if: [...branches, null] } };
}

function conditionOf(rule: BenchRule) {
  switch (rule.kind) {
    case 'everybody':
      return true;
    case 'segment':
      return { $ref: 'beta' };
    case 'attribute':
      return { in: [{ var: rule.attribute }, rule.values] };
  }
}

/** Weights of the same resolution as Vexil's. Without an explicit key, it hashes the flag's key and the user's. */
function effectOf(rule: BenchRule) {
  if (rule.kind !== 'attribute' || rule.percent === undefined) return 'on';
  const weight = rule.percent * 1000;
  return {
    fractional: [
      ['on', weight],
      ['off', 100_000 - weight],
    ],
  };
}

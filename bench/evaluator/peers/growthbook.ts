import { GrowthBookClient } from '@growthbook/growthbook';
import { at, type Contender, flat } from '../contender.ts';
import { askedFlags, type BenchFlag, type BenchRule, type Scenario } from '../scenario.ts';

/** One client for all users, which is the form that GrowthBook recommends for servers, with a user context per call. */
export async function setUp(scenario: Scenario): Promise<Contender> {
  const client = new GrowthBookClient().initSync({
    payload: {
      features: Object.fromEntries(scenario.flags.map((flag) => [flag.key, feature(flag)])),
      savedGroups: { beta: [...scenario.betaUsers] },
    },
  });
  const contexts = scenario.users.map((user) => ({ attributes: flat(user, 'id') }));
  const isOn = (key: string, user: number) => client.isOn(key, at(contexts, user));
  const keys = askedFlags(scenario);
  const { asks } = scenario;
  const countAll = (user: number) => {
    let on = 0;
    for (const key of keys) if (isOn(key, user)) on++;
    return on;
  };
  return {
    work:
      asks.kind === 'one'
        ? { kind: 'sync', run: (index) => (isOn(asks.flag, index) ? 1 : 0) }
        : { kind: 'sync', run: countAll },
    answers: async (user) => keys.map((key) => isOn(key, user)),
  };
}

function feature({ rules, requires }: BenchFlag) {
  const parentConditions =
    requires === undefined ? {} : { parentConditions: [{ id: requires, condition: { value: true } }] };
  return {
    defaultValue: false,
    rules: rules.map((rule) => ({
      force: true,
      ...conditionOf(rule),
      ...coverageOf(rule),
      ...parentConditions,
    })),
  };
}

function conditionOf(rule: BenchRule) {
  switch (rule.kind) {
    case 'everybody':
      return {};
    case 'segment':
      return { condition: { id: { $inGroup: 'beta' } } };
    case 'attribute':
      return { condition: { [rule.attribute]: { $in: [...rule.values] } } };
  }
}

function coverageOf(rule: BenchRule) {
  return rule.kind === 'attribute' && rule.percent !== undefined
    ? { coverage: rule.percent / 100, hashAttribute: 'id', hashVersion: 2 as const }
    : {};
}

import { once } from 'node:events';
import { InMemStorageProvider, Unleash } from 'unleash-client';
import { Operator } from 'unleash-client/lib/strategy/strategy.js';
import { at, type Contender } from '../contender.ts';
import { askedFlags, type BenchFlag, type BenchRule, type Scenario, type User } from '../scenario.ts';

/** The features are given at the start and never fetched; metrics are off, so an evaluation is not even counted. */
export async function setUp(scenario: Scenario): Promise<Contender> {
  const unleash = new Unleash({
    ...{ appName: 'bench', url: 'http://127.0.0.1:1', refreshInterval: 0, disableMetrics: true },
    storageProvider: new InMemStorageProvider(),
    bootstrap: {
      data: scenario.flags.map(feature),
      segments: [{ id: 1, constraints: [constraint('userId', scenario.betaUsers)] }],
    },
  });
  await once(unleash, 'ready');
  const contexts = scenario.users.map(contextOf);
  const isOn = (key: string, user: number) => unleash.isEnabled(key, at(contexts, user));
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

function contextOf({ id, attributes }: User) {
  return { userId: id, properties: { ...attributes } };
}

/** A feature is on if one of its strategies is; the first that says so ends the search. */
function feature({ key, rules, requires }: BenchFlag) {
  return {
    ...{
      name: key,
      enabled: true,
      impressionData: false,
      strategies: rules.map((rule) => strategy(rule, key)),
    },
    ...(requires === undefined ? {} : { dependencies: [{ feature: requires }] }),
  };
}

function strategy(rule: BenchRule, groupId: string) {
  const percent = (rule.kind === 'attribute' ? rule.percent : undefined) ?? 100;
  return {
    name: percent === 100 ? 'default' : 'flexibleRollout',
    parameters: percent === 100 ? {} : { rollout: String(percent), stickiness: 'userId', groupId },
    constraints: rule.kind === 'attribute' ? [constraint(rule.attribute, rule.values)] : [],
    ...(rule.kind === 'segment' ? { segments: [1] } : {}),
  };
}

function constraint(contextName: string, values: readonly string[]) {
  return { contextName, operator: Operator.IN, values: [...values], inverted: false, caseInsensitive: false };
}

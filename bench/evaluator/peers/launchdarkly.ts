import { basicLogger, init, type LDSingleKindContext } from '@launchdarkly/node-server-sdk';
import { TestData } from '@launchdarkly/node-server-sdk/integrations';
import { at, type Contender } from '../contender.ts';
import { askedFlags, type BenchFlag, type BenchRule, type Scenario, type User } from '../scenario.ts';

/** Its own in-memory source of definitions, with events off. Its evaluations are asynchronous and awaited one by one. */
export async function setUp(scenario: Scenario): Promise<Contender> {
  const source = new TestData();
  await source.usePreconfiguredSegment(segment(scenario.betaUsers));
  for (const flag of scenario.flags) await source.usePreconfiguredFlag(definition(flag));
  const client = init('sdk-bench', {
    ...{ updateProcessor: source.getFactory(), sendEvents: false, diagnosticOptOut: true },
    logger: basicLogger({ level: 'none' }),
  });
  await client.waitForInitialization({ timeout: 10 });
  const contexts = scenario.users.map(contextOf);
  const { asks } = scenario;
  const isOn = (key: string, user: number) => client.variation(key, at(contexts, user), false);
  return {
    work:
      asks.kind === 'one'
        ? { kind: 'async', run: async (index) => ((await isOn(asks.flag, index)) ? 1 : 0) }
        : {
            kind: 'async',
            run: async (index) => ((await client.allFlagsState(at(contexts, index))).valid ? 1 : 0),
          },
    answers: async (user) => {
      if (asks.kind === 'one') return [await isOn(asks.flag, user)];
      const state = await client.allFlagsState(at(contexts, user));
      return askedFlags(scenario).map((key) => state.getFlagValue(key) === true);
    },
  };
}

function contextOf({ id, attributes }: User): LDSingleKindContext {
  return { kind: 'user', key: id, ...attributes };
}

const ON = 0;
const OFF = 1;

function definition({ key, rules, requires }: BenchFlag) {
  return {
    ...{ key, version: 1, on: true, salt: key, variations: [true, false], offVariation: OFF, targets: [] },
    fallthrough: { variation: OFF },
    prerequisites: requires === undefined ? [] : [{ key: requires, variation: ON }],
    rules: rules.map((rule, index) => ({ id: `rule-${index}`, clauses: clausesOf(rule), ...effectOf(rule) })),
  };
}

function clausesOf(rule: BenchRule) {
  switch (rule.kind) {
    case 'everybody':
      return [];
    case 'segment':
      return [{ attribute: '', op: 'segmentMatch', values: ['beta'], negate: false }];
    case 'attribute':
      return [clause(rule.attribute, rule.values)];
  }
}

function clause(attribute: string, values: readonly string[]) {
  return { contextKind: 'user', attribute, op: 'in', values, negate: false };
}

function effectOf(rule: BenchRule) {
  if (rule.kind !== 'attribute' || rule.percent === undefined) return { variation: ON };
  const weight = rule.percent * 1000;
  const variations = [
    { variation: ON, weight },
    { variation: OFF, weight: 100_000 - weight },
  ];
  return { rollout: { contextKind: 'user', variations } };
}

function segment(included: readonly string[]) {
  return { key: 'beta', version: 1, included, excluded: [], rules: [], salt: 'beta' };
}

/**
 * What is evaluated, said once for all libraries: flags that are on or off, and the users they are evaluated for.
 * Each contender translates it into its own definitions and contexts.
 */
export interface Scenario {
  readonly flags: readonly BenchFlag[];
  /** One flag at a time, or every flag at once. */
  readonly asks: { readonly kind: 'one'; readonly flag: string } | { readonly kind: 'all' };
  readonly users: readonly User[];
  /** The members of the segment that is named `beta`. */
  readonly betaUsers: readonly string[];
}

/** On for whom the first matching rule says so, otherwise off. */
export interface BenchFlag {
  readonly key: string;
  readonly rules: readonly BenchRule[];
  /** Off unless this flag is on. */
  readonly requires?: string;
}

export type BenchRule =
  | { readonly kind: 'everybody' }
  | { readonly kind: 'segment' }
  | {
      readonly kind: 'attribute';
      readonly attribute: string;
      readonly values: readonly string[];
      /** Only for so many of those who match, by a hash. */
      readonly percent?: number;
    };

export interface User {
  readonly id: string;
  readonly attributes: Readonly<Record<string, string>>;
}

/** The share of users, out of four, that are on a plan which the rules ask for is three. */
const PLANS = ['pro', 'team', 'pro', 'free'];
const ATTRIBUTES = ['plan', 'country', 'language', 'platform', 'version'];

const ROLLED_OUT: BenchRule = { kind: 'attribute', attribute: 'plan', values: ['pro', 'team'], percent: 50 };

/** Names of scenarios and how to make them, with a size where there is one: `all-flags 1000`. */
const SCENARIOS: Readonly<Record<string, (size: number) => Scenario>> = {
  'one-rule': () => one([{ key: 'new-checkout', rules: [ROLLED_OUT] }]),
  'ten-rules': () => ofRules(10),
  prerequisite: () =>
    one([{ key: 'new-checkout', requires: 'parent', rules: [{ kind: 'everybody' }] }, parent()]),
  'all-flags': (size) => ({ ...one(flagsOf(size)), asks: { kind: 'all' } }),
  rules: ofRules,
  attributes: (size) => ({
    ...one([{ key: 'new-checkout', rules: [ROLLED_OUT] }]),
    users: users({ attributes: size }),
  }),
  'segment-members': (size) => ofSegment(size),
  'key-length': (size) => ({
    ...one([{ key: 'new-checkout', rules: [ROLLED_OUT] }]),
    users: users({ keyLength: size }),
  }),
};

/** The scenario of this name. Throws if there is none. */
export function scenarioOf(name: string): Scenario {
  const [kind = '', size] = name.split(' ');
  const make = SCENARIOS[kind];
  if (make === undefined) throw new Error(`there is no scenario ${name}`);
  return make(Number(size));
}

/** Whether a flag is on for a user, or 'hashed' if that is up to the library's hash. */
export function expected(scenario: Scenario, key: string, user: User): boolean | 'hashed' {
  const flag = scenario.flags.find((each) => each.key === key);
  if (flag === undefined) return false;
  if (flag.requires !== undefined && expected(scenario, flag.requires, user) !== true) return false;
  for (const rule of flag.rules) {
    if (matches(rule, user, scenario))
      return rule.kind === 'attribute' && rule.percent !== undefined ? 'hashed' : true;
  }
  return false;
}

/** The keys of the flags that are asked for. */
export function askedFlags({ asks, flags }: Scenario): string[] {
  return asks.kind === 'one' ? [asks.flag] : flags.map(({ key }) => key);
}

function matches(rule: BenchRule, user: User, { betaUsers }: Scenario): boolean {
  switch (rule.kind) {
    case 'everybody':
      return true;
    case 'segment':
      return betaUsers.includes(user.id);
    case 'attribute':
      return rule.values.includes(user.attributes[rule.attribute] ?? '');
  }
}

function one(flags: readonly BenchFlag[]): Scenario {
  const [first] = flags;
  return { flags, asks: { kind: 'one', flag: first?.key ?? '' }, users: users(), betaUsers: [] };
}

function parent(): BenchFlag {
  return { key: 'parent', rules: [{ kind: 'attribute', attribute: 'plan', values: ['pro', 'team'] }] };
}

function flagsOf(size: number): BenchFlag[] {
  return Array.from({ length: size }, (_, index) => ({ key: `feature-${index}`, rules: [ROLLED_OUT] }));
}

/** Rules about each attribute in turn with values that nobody has; the last one matches everybody. */
function ofRules(size: number): Scenario {
  const rules = Array.from({ length: size }, (_, index): BenchRule => {
    const attribute = ATTRIBUTES[index % ATTRIBUTES.length] ?? '';
    return index === size - 1
      ? { kind: 'attribute', attribute: 'plan', values: PLANS }
      : { kind: 'attribute', attribute, values: [`no-${index}`, `none-${index}`] };
  });
  return one([{ key: 'new-checkout', rules }]);
}

/** Half of the users are members. */
function ofSegment(size: number): Scenario {
  const scenario = one([{ key: 'new-checkout', rules: [{ kind: 'segment' }] }]);
  const members = scenario.users.filter((_, index) => index % 2 === 0).map(({ id }) => id);
  const others = Array.from({ length: size }, (_, index) => `member-${index}`);
  return { ...scenario, betaUsers: [...others, ...members].slice(-size) };
}

function users({ attributes = ATTRIBUTES.length, keyLength = 11 } = {}): User[] {
  return Array.from({ length: 1000 }, (_, index) => {
    const id = `user-${100_000 + index}`;
    return { id: id.padStart(keyLength, 'organization-'), attributes: attributesOf(index, attributes) };
  });
}

/** The plan is the last of many, where a reader that searches would find it late. */
function attributesOf(index: number, count: number): Record<string, string> {
  const names = Array.from({ length: count }, (_, at) => ATTRIBUTES[at] ?? `trait-${at}`).reverse();
  const entries = names.map((name, at) => [name, `${name}-${(index + at) % 7}`]);
  return { ...Object.fromEntries(entries), plan: PLANS[index % PLANS.length] ?? 'free' };
}

import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import {
  codeOf,
  type Json,
  jsonOf,
  openTarget,
  PRODUCTION,
  PROJECT,
  STAGING,
  type Target,
} from './target.ts';

const FLAG = `${PROJECT}/flags/checkout`;
const SETTINGS = `${PRODUCTION}/flags/checkout`;
const ON = { variation: 'on' };

let target: Target;

beforeAll(async () => {
  target = await openTarget();
});

afterAll(() => target.close());

const code = (method: string, message: Json) => target.code(method, message);

/** The code for a rule with this condition, and that nothing came of it unless it is OK. */
async function codeOfCondition(condition: Json): Promise<string> {
  const before = await settings();
  const answer = await code('FlagService/CreateRule', {
    name: SETTINGS,
    rule: { id: 'tried', condition, serve: ON },
  });
  if (answer === 'OK') await target.ok('FlagService/DeleteRule', { name: SETTINGS, ruleId: 'tried' });
  else expect(await settings()).toEqual(before);
  return answer;
}

const settings = () => target.ok('FlagService/GetFlagSettings', { name: SETTINGS });
const clause = (attribute: string, operator: string, ...values: unknown[]) => ({
  clause: { attribute, operator: `OPERATOR_${operator}`, values },
});
const repeat = <T>(count: number, make: (index: number) => T): T[] =>
  Array.from({ length: count }, (_, index) => make(index));

async function makeFlag(flagId: string, flag: Json = { type: 'FLAG_TYPE_BOOLEAN' }): Promise<string> {
  await target.ok('FlagService/CreateFlag', { parent: PROJECT, flagId, flag });
  return `${PRODUCTION}/flags/${flagId}`;
}

const HOSTILE_NAMES = [
  ...[
    '../x',
    '$where',
    'a.b',
    '',
    'Checkout',
    'сheckout',
    'a b',
    'a\0b',
    'a\r\nb',
    '*',
    '>',
    'a/b',
    '-a',
    'a-',
    '__proto__',
  ],
  ...[
    '{"$gt":""}',
    'x'.repeat(64),
    'x'.repeat(1_000),
    '_system',
    '.',
    '..',
    'a\u202eb',
    "a'; DROP TABLE changes; --",
  ],
];

describe.each([
  [
    'flag',
    'FlagService/CreateFlag',
    (flagId: string) => ({ parent: PROJECT, flagId, flag: { type: 'FLAG_TYPE_BOOLEAN' } }),
  ],
  [
    'segment',
    'SegmentService/CreateSegment',
    (segmentId: string) => ({ parent: PROJECT, segmentId, segment: {} }),
  ],
  [
    'environment',
    'ProjectService/CreateEnvironment',
    (environmentId: string) => ({ parent: PROJECT, environmentId }),
  ],
  ['project', 'ProjectService/CreateProject', (projectId: string) => ({ projectId })],
  [
    'release',
    'ReleaseService/CreateRelease',
    (releaseId: string) => ({
      parent: PROJECT,
      releaseId,
      release: { branch: 'main', runtimeVersion: '1.0.0' },
    }),
  ],
])('a %s', (_, method, message) => {
  it.each(HOSTILE_NAMES)('cannot be called %o', async (name) => {
    expect(await code(method, message(name))).toBe('INVALID_ARGUMENT');
  });

  it('may be called like a part of an object, and then is one like any other', async () => {
    for (const name of ['constructor', 'prototype', 'valueof']) {
      expect(await code(method, message(name))).toBe('OK');
      expect(await code(method, message(name))).toBe('ALREADY_EXISTS');
    }
  });
});

describe('a name in a request', () => {
  it.each([
    ...[
      'projects/*/flags/a',
      'projects/>/flags/a',
      'projects/default/flags/$where',
      'projects/default/flags/',
      'flags/a',
      '',
    ],
    ...[
      'projects/default/flags/a/b',
      'projects/default//flags/a',
      '/projects/default/flags/a',
      'projects/default/flags/a\r\n',
    ],
    ...[
      'projects/default/flags/__proto__',
      'projects/__proto__/flags/a',
      '{"$gt":""}',
      'PROJECTS/default/flags/a',
    ],
  ])('cannot be %o', async (name) => {
    for (const method of ['FlagService/GetFlag', 'FlagService/ArchiveFlag', 'FlagService/DeleteFlag'])
      expect(await code(method, { name })).toBe('INVALID_ARGUMENT');
  });
});

describe('a pattern', () => {
  it.each([
    '(?=x)',
    '(a)\\1',
    '(?<!a)b',
    'a{100000}',
    '(',
    '[',
    'a**',
    '\\',
    '(?P<n',
    '\\p{Nope}',
    '(a{1000}){1000}',
  ])('that RE2 refuses is INVALID_ARGUMENT: %s', async (pattern) => {
    expect(await codeOfCondition(clause('p', 'MATCHES', pattern))).toBe('INVALID_ARGUMENT');
  });

  it('of ten kilobytes is RESOURCE_EXHAUSTED', async () => {
    expect(await codeOfCondition(clause('p', 'MATCHES', 'x'.repeat(10_000)))).toBe('RESOURCE_EXHAUSTED');
  });

  it.each(['^(a+)+$', '(a|aa)+$', '(.*)*x', '(a?){50}a{50}', '((a{0,10}){0,10}){0,10}$'])(
    'that would explode elsewhere is fine: %s',
    async (pattern) => {
      const name = await makeFlag(`pattern-${Buffer.from(pattern).toString('hex').slice(0, 20)}`);
      const rule = { condition: clause('p', 'MATCHES', pattern), serve: ON };
      await target.ok('FlagService/CreateRule', { name, rule });
      await target.ok('FlagService/EnableFlag', { name });
      const flagKey = name.split('/').at(-1);
      const p = `${'a'.repeat(50_000)}!`;
      const asked = target.call(
        'EvaluationService/Evaluate',
        { flagKey, context: { attributes: { p } } },
        { token: target.keys.server },
      );
      await target.checkHealthy();
      expect(codeOf(await asked)).toBe('OK');
    },
  );
});

describe('a condition', () => {
  it.each([
    ['junk for a version', clause('v', 'SEMVER_GT', 'x.y')],
    ['junk for a time', clause('t', 'BEFORE', 'soon')],
    ['junk for a range', clause('ip', 'IN_CIDR', '10.0.0.0/33')],
    ['text for a number', clause('n', 'GT', 'many')],
    ['an object for a number', clause('n', 'GT', { $gt: '' })],
    ['no operator', { clause: { attribute: 'a', values: ['b'] } }],
    ['no attribute', clause('', 'EQ', 'b')],
    ['no values', clause('a', 'EQ')],
    ['nothing at all', { not: {} }],
    ['a segment that is not there', { segment: { segments: ['missing'] } }],
    ['no segments', { segment: { segments: [] } }],
    ['a gate of no kind', { release: {} }],
    ['a gate on junk', { release: { runtimeVersion: { operator: 'OPERATOR_GT', version: 'x' } } }],
    [
      'a gate with an operator that is none of its',
      { release: { runtimeVersion: { operator: 'OPERATOR_MATCHES', version: '1' } } },
    ],
    [
      'a field that is not known',
      { clause: { attribute: 'a', operator: 'OPERATOR_EQ', values: ['b'], extra: 1 } },
    ],
    ['an operator that is not known', clause('a', 'NOPE', 'b')],
    [
      'an operator by a number that is not known',
      { clause: { attribute: 'a', operator: 99, values: ['b'] } },
    ],
  ])('with %s is INVALID_ARGUMENT', async (_, condition) => {
    expect(await codeOfCondition(condition)).toBe('INVALID_ARGUMENT');
  });

  it.each([
    ['too deep', repeat(12, () => 0).reduce<Json>((inner) => ({ not: inner }), clause('a', 'EXISTS'))],
    ['too wide', { all: { conditions: repeat(201, () => clause('a', 'EXISTS')) } }],
    ['too long', clause('a', 'IN', ...repeat(10_001, String))],
  ])('%s is RESOURCE_EXHAUSTED', async (_, condition) => {
    expect(await codeOfCondition(condition)).toBe('RESOURCE_EXHAUSTED');
  });

  it('far too deep is refused before it is understood', async () => {
    const condition = repeat(5_000, () => 0).reduce<string>((inner) => `{"not":${inner}}`, '{}');
    const text = `{"name":"${SETTINGS}","rule":{"condition":${condition}}}`;
    expect(codeOf(await target.call('FlagService/CreateRule', text))).toBe('INVALID_ARGUMENT');
  });
});

describe('a flag', () => {
  const boolean = { type: 'FLAG_TYPE_BOOLEAN' };
  const variations = (...values: [string, unknown][]) => values.map(([key, value]) => ({ key, value }));
  it.each<[string, Json]>([
    ['of no type', {}],
    ['of a type with values of another', { ...boolean, variations: variations(['on', 'yes']) }],
    ['with a variation twice', { ...boolean, variations: variations(['on', true], ['on', false]) }],
    ['with a variation without a name', { ...boolean, variations: variations(['', true]) }],
    ['with a variation without a value', { ...boolean, variations: [{ key: 'on' }] }],
    ['with a default that is not there', { ...boolean, defaultVariation: 'maybe' }],
    ['with an infinite number', { type: 'FLAG_TYPE_NUMBER', variations: variations(['a', 'Infinity']) }],
    ['with a scalar for an object', { type: 'FLAG_TYPE_JSON', variations: variations(['a', 1]) }],
    ['with null for everything', { ...boolean, variations: [null] }],
    ['with NUL in its name', { ...boolean, displayName: 'a\0b' }],
    ['with a tag twice', { ...boolean, tags: ['a', 'a'] }],
    ['with a status that is not known', { ...boolean, status: 'FLAG_STATUS_NOPE' }],
    ['with a field that is not known', { ...boolean, $where: '1' }],
    ['with a schema of another type', { ...boolean, jsonSchema: {} }],
    ['with an object for its name', { ...boolean, displayName: { $gt: '' } }],
  ])('%s is INVALID_ARGUMENT', async (_, flag) => {
    expect(await code('FlagService/CreateFlag', { parent: PROJECT, flagId: 'tried', flag })).toBe(
      'INVALID_ARGUMENT',
    );
    expect(await code('FlagService/GetFlag', { name: `${PROJECT}/flags/tried` })).toBe('NOT_FOUND');
  });

  it.each<[string, Json]>([
    ['with a name of 5,000 characters', { ...boolean, displayName: 'x'.repeat(5_000) }],
    [
      'with 101 variations',
      { type: 'FLAG_TYPE_NUMBER', variations: repeat(101, (index) => ({ key: `v${index}`, value: index })) },
    ],
    [
      'with a value of 65 KB',
      { type: 'FLAG_TYPE_JSON', variations: variations(['a', { text: 'x'.repeat(66_000) }]) },
    ],
    ['of five megabytes', { ...boolean, description: 'x'.repeat(5_000_000) }],
  ])('%s is RESOURCE_EXHAUSTED', async (_, flag) => {
    expect(await code('FlagService/CreateFlag', { parent: PROJECT, flagId: 'tried', flag })).toBe(
      'RESOURCE_EXHAUSTED',
    );
    expect(await code('FlagService/GetFlag', { name: `${PROJECT}/flags/tried` })).toBe('NOT_FOUND');
  });

  it('keeps values with names like parts of objects as they are', async () => {
    const value =
      '{"__proto__":{"polluted":true},"constructor":{"prototype":{"x":1}},"toString":"no","hasOwnProperty":1}';
    const made = await target.call(
      'FlagService/CreateFlag',
      `{"parent":"${PROJECT}","flagId":"odd-values","flag":{"type":"FLAG_TYPE_JSON","variations":[{"key":"a","value":${value}}]}}`,
    );
    expect(codeOf(made)).toBe('OK');
    expect(made.body.toString()).toContain('"constructor":{"prototype":{"x":1}}');
    const got = (
      await target.call('FlagService/GetFlag', { name: `${PROJECT}/flags/odd-values` })
    ).body.toString();
    expect(got).toContain('"__proto__":{"polluted":true}');
    expect(got).toContain('"hasOwnProperty":1');
    const served = await target.call(
      'EvaluationService/Evaluate',
      { flagKey: 'odd-values' },
      { token: target.keys.server },
    );
    expect(served.body.toString()).toContain('"__proto__":{"polluted":true}');
  });
});

describe('a JSON Schema', () => {
  const doubling = Object.fromEntries(
    repeat(40, (level) => [`d${level}`, { allOf: repeat(2, () => ({ $ref: `#/$defs/d${level + 1}` })) }]),
  );
  it.each<[string, Json, unknown]>([
    ['that is none', { type: 'nope' }, {}],
    ['that refers to itself and nothing else', { $ref: '#' }, {}],
    ['that refers to somewhere else', { $ref: 'http://127.0.0.1/schema.json' }, {}],
    ['that refers to a file', { $ref: 'file:///etc/passwd' }, {}],
    ['with a pattern that RE2 refuses', { properties: { a: { pattern: '(?=x)' } } }, { a: 'x' }],
    ['that the value breaks', { required: ['a'] }, {}],
    ['that doubles forty times', { $ref: '#/$defs/d0', $defs: { ...doubling, d40: {} } }, {}],
  ])('%s is INVALID_ARGUMENT, soon', async (_, jsonSchema, value) => {
    const flag = { type: 'FLAG_TYPE_JSON', jsonSchema, variations: [{ key: 'a', value }] };
    expect(await code('FlagService/CreateFlag', { parent: PROJECT, flagId: 'tried', flag })).toBe(
      'INVALID_ARGUMENT',
    );
  });

  it.each<[string, Json, unknown]>([
    [
      'with a pattern that would explode elsewhere',
      { properties: { a: { pattern: '^(a+)+$' } } },
      { a: `${'a'.repeat(30_000)}!` },
    ],
    [
      'with a long pattern for a long text',
      { properties: { a: { pattern: '(x?y?){500}'.repeat(50) } } },
      { a: 'xy'.repeat(15_000) },
    ],
    [
      'that compares every item with every other',
      { properties: { a: { uniqueItems: true } } },
      { a: repeat(12_000, (index) => [index % 7]) },
    ],
  ])('%s gets an answer, soon', async (_, jsonSchema, value) => {
    const flag = { type: 'FLAG_TYPE_JSON', jsonSchema, variations: [{ key: 'a', value }] };
    const answer = await code('FlagService/CreateFlag', {
      parent: PROJECT,
      flagId: 'tried',
      flag,
      options: { validateOnly: true },
    });
    expect(['OK', 'INVALID_ARGUMENT', 'RESOURCE_EXHAUSTED']).toContain(answer);
  });
});

describe('a rule', () => {
  const tried = (rule: Json) => code('FlagService/CreateRule', { name: SETTINGS, rule });
  const split = (...weights: number[]) => ({
    split: { variations: weights.map((weight, at) => ({ variation: at % 2 ? 'off' : 'on', weight })) },
  });
  it.each<[string, Json]>([
    ['weights below the whole', { serve: split(50_000, 49_999) }],
    ['weights above the whole', { serve: split(100_000, 1) }],
    ['weights that overflow', { serve: split(4_294_967_295, 100_001) }],
    ['negative weights', { serve: split(-1, 100_001) }],
    ['a fraction of a weight', { serve: split(50_000.5, 49_999.5) }],
    ['no weights', { serve: { split: { variations: [] } } }],
    ['the same variation twice', { serve: split(50_000, 25_000, 25_000) }],
    ['a variation that is not there', { serve: { variation: 'maybe' } }],
    ['nothing to serve', {}],
    ['a rollout beyond everybody', { serve: ON, rollout: { weight: 100_001 } }],
    ['a priority that is no number', { serve: ON, priority: 'NaN' }],
    ['an infinite priority', { serve: ON, priority: 'Infinity' }],
    ['an id of two lines', { id: 'a\nb', serve: ON }],
    ['a ramp without steps', { serve: ON, rollout: { weight: 1 }, ramp: { steps: { steps: [] } } }],
    ['a ramp of no kind', { serve: ON, rollout: { weight: 1 }, ramp: {} }],
    [
      'a ramp that ends before it starts',
      {
        serve: ON,
        rollout: { weight: 1 },
        ramp: { linear: { startTime: '2030-01-01T00:00:00Z', endTime: '2029-01-01T00:00:00Z', toWeight: 5 } },
      },
    ],
  ])('with %s is INVALID_ARGUMENT', async (_, rule) => {
    expect(await tried(rule)).toBe('INVALID_ARGUMENT');
  });

  it('cannot have the id of another', async () => {
    const rules = repeat(2, () => ({ id: 'same', serve: ON }));
    expect(await code('FlagService/UpdateFlagSettings', { settings: { name: SETTINGS, rules } })).toBe(
      'INVALID_ARGUMENT',
    );
  });

  it('too many is RESOURCE_EXHAUSTED, and nothing is written', async () => {
    const before = await settings();
    for (const count of [21, 10_001]) {
      const rules = repeat(count, (index) => ({ id: `r${index}`, serve: ON }));
      expect(await code('FlagService/UpdateFlagSettings', { settings: { name: SETTINGS, rules } })).toBe(
        'RESOURCE_EXHAUSTED',
      );
    }
    expect(await settings()).toEqual(before);
  });
});

describe('a prerequisite', () => {
  const require = (name: string, flag: string) =>
    code('FlagService/SetPrerequisite', { name, prerequisite: { flag, variations: ['on'] } });

  it('of itself, of what is not there, or in a circle is refused', async () => {
    const [a, b] = [await makeFlag('circle-a'), await makeFlag('circle-b')];
    expect(await require(a, 'circle-a')).toMatch(/INVALID_ARGUMENT|FAILED_PRECONDITION/);
    expect(await require(a, 'missing')).toMatch(/INVALID_ARGUMENT|FAILED_PRECONDITION/);
    expect(
      await code('FlagService/SetPrerequisite', {
        name: a,
        prerequisite: { flag: 'circle-b', variations: ['maybe'] },
      }),
    ).toMatch(/INVALID_ARGUMENT|FAILED_PRECONDITION/);
    expect(await require(a, 'circle-b')).toBe('OK');
    expect(await require(b, 'circle-a')).toMatch(/INVALID_ARGUMENT|FAILED_PRECONDITION/);
  });

  it('in a chain that is too long is refused', async () => {
    const names = [];
    for (let index = 0; index < 12; index++) names.push(await makeFlag(`chain-${index}`));
    const codes = [];
    for (const [index, name] of names.entries())
      if (index > 0) codes.push(await require(name, `chain-${index - 1}`));
    expect(codes.slice(0, 8)).toEqual(repeat(8, () => 'OK'));
    expect(codes[8]).toMatch(/RESOURCE_EXHAUSTED|INVALID_ARGUMENT|FAILED_PRECONDITION/);
  });
});

describe('a segment', () => {
  const make = (segmentId: string, segment: Json) =>
    code('SegmentService/CreateSegment', { parent: PROJECT, segmentId, segment });

  it('in a circle is refused, and in use cannot be deleted', async () => {
    expect(await make('inner', {})).toBe('OK');
    expect(await make('outer', { condition: { segment: { segments: ['inner'] } } })).toBe('OK');
    const segment = { name: `${PROJECT}/segments/inner`, condition: { segment: { segments: ['outer'] } } };
    expect(await code('SegmentService/UpdateSegment', { segment })).toMatch(
      /INVALID_ARGUMENT|FAILED_PRECONDITION/,
    );
    for (const method of ['ArchiveSegment', 'DeleteSegment'])
      expect(await code(`SegmentService/${method}`, { name: segment.name })).toBe('FAILED_PRECONDITION');
    expect(await make('self', { condition: { segment: { segments: ['self'] } } })).toMatch(
      /INVALID_ARGUMENT|FAILED_PRECONDITION/,
    );
  });

  it('of too many people is RESOURCE_EXHAUSTED', async () => {
    expect(await make('huge', { included: repeat(100_001, String) })).toBe('RESOURCE_EXHAUSTED');
  });
});

describe('a write', () => {
  it('on what it has not seen is ABORTED and says what is current', async () => {
    const { etag } = Object(await target.ok('FlagService/GetFlag', { name: FLAG })).flag;
    const flag = { name: FLAG, etag, description: 'first' };
    expect(await code('FlagService/UpdateFlag', { flag })).toBe('OK');
    const late = await target.call('FlagService/UpdateFlag', { flag: { ...flag, description: 'second' } });
    expect(codeOf(late)).toBe('ABORTED');
    for (const junk of ['x', '"x"', '*', '"99999999999999999999"', '"-1"', '\0'])
      expect(await code('FlagService/UpdateFlag', { flag: { ...flag, etag: junk } })).toMatch(
        /ABORTED|INVALID_ARGUMENT/,
      );
  });

  it('is done once for an idempotency key, and never for another content', async () => {
    const options = { idempotencyKey: 'once' };
    const write = (description: string) =>
      target.call('FlagService/UpdateFlag', { flag: { name: FLAG, description }, options });
    const [first, again] = [await write('a'), await write('a')];
    expect(Object(jsonOf(again)).receipt.revision).toBe(Object(jsonOf(first)).receipt.revision);
    expect(jsonOf(again)).toMatchObject({ receipt: { replayed: true } });
    expect(codeOf(await write('b'))).toBe('INVALID_ARGUMENT');
    for (const key of ['a\nb', 'x'.repeat(129), 'ключ', 'a b'])
      expect(
        await code('FlagService/UpdateFlag', { flag: { name: FLAG }, options: { idempotencyKey: key } }),
      ).toBe('INVALID_ARGUMENT');
  });

  it('keeps a reason as it is, without letting it be more than text', async () => {
    const reason = 'because\r\n{"level":"fatal"}\u001b[31m\u202e <script>alert(1)</script> $where';
    await target.ok('FlagService/UpdateFlag', {
      flag: { name: FLAG, description: 'reasoned' },
      options: { reason },
    });
    const { revisions } = await target.ok('HistoryService/ListRevisions', { parent: PROJECT, pageSize: 1 });
    expect(JSON.stringify(revisions)).toContain(JSON.stringify(reason).slice(1, -1));
    expect(target.server.output()).not.toMatch(/^\{"level":"fatal"/m);
    const long = { flag: { name: FLAG, description: 'x' }, options: { reason: 'x'.repeat(2_001) } };
    expect(await code('FlagService/UpdateFlag', long)).toBe('INVALID_ARGUMENT');
  });

  it('of what is there, of what is not, and of what is put away is refused', async () => {
    expect(
      await code('FlagService/CreateFlag', {
        parent: PROJECT,
        flagId: 'checkout',
        flag: { type: 'FLAG_TYPE_BOOLEAN' },
      }),
    ).toBe('ALREADY_EXISTS');
    const name = await makeFlag('archived');
    await target.ok('FlagService/ArchiveFlag', { name: `${PROJECT}/flags/archived` });
    expect(await code('FlagService/EnableFlag', { name })).toBe('FAILED_PRECONDITION');
    expect(
      await code('FlagService/UpdateFlag', { flag: { name: `${PROJECT}/flags/archived`, description: 'x' } }),
    ).toBe('FAILED_PRECONDITION');
    expect(await code('FlagService/EnableFlag', { name: `${PRODUCTION}/flags/missing` })).toBe('NOT_FOUND');
    expect(
      await code('FlagService/EnableFlag', { name: `${PROJECT}/environments/missing/flags/checkout` }),
    ).toBe('NOT_FOUND');
    expect(await code('FlagService/DeleteFlag', { name: FLAG })).toBe('FAILED_PRECONDITION');
  });

  it.each(['nope', 'key', 'name', 'version', '__proto__', 'flag.description', '*,nope', 'constructor'])(
    'with the mask %o is INVALID_ARGUMENT',
    async (updateMask) => {
      expect(
        await code('FlagService/UpdateFlag', { flag: { name: FLAG, description: 'masked' }, updateMask }),
      ).toBe('INVALID_ARGUMENT');
    },
  );
});

describe('a scheduled change', () => {
  const schedule = (time: string, more: Json = { enabled: true }) =>
    code('FlagService/CreateScheduledChange', { name: SETTINGS, scheduledChange: { time, ...more } });
  const inAYear = new Date(Date.now() + 31_536_000_000).toISOString();

  it.each([
    ...[
      '2001-01-01T00:00:00Z',
      '9999-12-31T23:59:59Z',
      '0001-01-01T00:00:00Z',
      'tomorrow',
      '',
      '2030-02-32T00:00:00Z',
    ],
    ...[
      '2030-01-01T00:00:00',
      '2030-01-01T00:00:00+99:00',
      '2030-01-01 Europe/Nowhere',
      '99999-01-01T00:00:00Z',
    ],
  ])('at %o is INVALID_ARGUMENT', async (time) => {
    expect(await schedule(time)).toBe('INVALID_ARGUMENT');
  });

  it.each<[string, Json]>([
    ['nothing to do', {}],
    ['a resumption that is none', { resume: false }],
    ['a rollout beyond everybody', { rollout: { weight: 100_001 } }],
    ['a rule that is not there', { rollout: { ruleId: 'missing', weight: 1 } }],
    ['a variation that is not there', { defaultVariation: 'maybe' }],
  ])('with %s is INVALID_ARGUMENT', async (_, action) => {
    expect(await schedule(inAYear, action)).toMatch(/INVALID_ARGUMENT|NOT_FOUND|FAILED_PRECONDITION/);
  });

  it('too many is RESOURCE_EXHAUSTED', async () => {
    const codes = [];
    for (let index = 0; index < 51; index++) codes.push(await schedule(inAYear));
    expect(codes.slice(0, 50)).toEqual(repeat(50, () => 'OK'));
    expect(codes[50]).toBe('RESOURCE_EXHAUSTED');
  });
});

describe('a page', () => {
  const list = (message: Json) => target.call('FlagService/ListFlags', { parent: PROJECT, ...message });

  it('of a size that cannot be is clamped or refused', async () => {
    expect(codeOf(await list({ pageSize: 0 }))).toBe('OK');
    expect(codeOf(await list({ pageSize: 2_147_483_647 }))).toBe('OK');
    for (const pageSize of [-1, -2_147_483_648, 2_147_483_648, 1.5, 'x'])
      expect(codeOf(await list({ pageSize }))).toBe('INVALID_ARGUMENT');
  });

  it('is found with its own token for its own list only', async () => {
    const { nextPageToken } = jsonOf(await list({ pageSize: 1 }));
    const token = String(nextPageToken);
    expect(codeOf(await list({ pageSize: 1, pageToken: token }))).toBe('OK');
    for (const pageToken of [
      `${token}x`,
      token.slice(1),
      token.toUpperCase(),
      'x',
      '\0',
      '../..',
      '{"$gt":""}',
      'x'.repeat(10_000),
    ])
      expect(codeOf(await list({ pageSize: 1, pageToken }))).toBe('INVALID_ARGUMENT');
    expect(codeOf(await list({ pageSize: 1, pageToken: token, query: 'other' }))).toBe('INVALID_ARGUMENT');
    const elsewhere = { parent: PROJECT, pageToken: token };
    for (const method of [
      'SegmentService/ListSegments',
      'ProjectService/ListEnvironments',
      'KeyService/ListKeys',
    ])
      expect(await code(method, elsewhere)).toBe('INVALID_ARGUMENT');
  });
});

describe('a quota', () => {
  it('holds for everything in a project, before anything is written', async () => {
    const { revision } = Object(await target.ok('ProjectService/GetProject', { name: PROJECT })).project;
    const copies = repeat(60, (index) => `env-${index}`);
    expect(
      await code('ProjectService/CreateProject', { projectId: 'too-many', environmentIds: copies }),
    ).toBe('RESOURCE_EXHAUSTED');
    expect(await code('ProjectService/GetProject', { name: 'projects/too-many' })).toBe('NOT_FOUND');
    expect(Object(await target.ok('ProjectService/GetProject', { name: PROJECT })).project.revision).toBe(
      revision,
    );
  });
});

it('a halt works whatever the rest of the definition is', async () => {
  const token = target.keys.server;
  for (const name of [SETTINGS, `${STAGING}/flags/checkout`])
    await target.ok('FlagService/HaltFlag', { name, reason: 'now' });
  const halted = await target.call('EvaluationService/Evaluate', { flagKey: 'checkout' }, { token });
  expect(jsonOf(halted)).toMatchObject({ reason: 'REASON_HALTED', detail: expect.stringContaining('now') });
  await target.ok('FlagService/ResumeFlag', { name: SETTINGS });
});

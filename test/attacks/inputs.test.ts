import { brotliCompressSync, constants, gzipSync } from 'node:zlib';
import { create, type MessageInitShape, toBinary } from '@bufbuild/protobuf';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { EvaluateRequestSchema } from '../../gen/vexil/v1/evaluation_pb.ts';
import { grpcCaller } from '../support/grpc-caller.ts';
import {
  BINARY_WIRES,
  bearer,
  CONNECT,
  codeOf,
  GRPC,
  GRPC_WEB,
  type Json,
  jsonOf,
  openTarget,
  PRODUCTION,
  PROJECT,
  type Target,
  WIRES,
} from './target.ts';

const EVALUATE = 'EvaluationService/Evaluate';
const MIB = 2 ** 20;

/** A thousandth of what they become. */
const GZIP_BOMB = gzipSync(Buffer.alloc(100 * MIB), { level: 1 });
const BROTLI_BOMB = brotliCompressSync(Buffer.alloc(100 * MIB), {
  params: { [constants.BROTLI_PARAM_QUALITY]: 1 },
});

let target: Target;

beforeAll(async () => {
  target = await openTarget();
  const rule = (id: string, attribute: string, operator: string, ...values: unknown[]) => ({
    id,
    condition: { clause: { attribute, operator: `OPERATOR_${operator}`, values } },
    serve: { variation: 'on' },
  });
  const split = [
    { variation: 'on', weight: 50_000 },
    { variation: 'off', weight: 50_000 },
  ];
  await target.ok('FlagService/CreateFlag', {
    parent: PROJECT,
    flagId: 'probing',
    flag: { type: 'FLAG_TYPE_BOOLEAN' },
    enabledEnvironments: ['production'],
  });
  await target.ok('FlagService/UpdateFlagSettings', {
    settings: {
      name: `${PRODUCTION}/flags/probing`,
      rules: [
        rule('number', 'n', 'GT', 9_000_000_000),
        rule('version', 'v', 'SEMVER_GT', '1.2.3'),
        rule('time', 't', 'AFTER', '2020-01-01'),
        rule('address', 'ip', 'IN_CIDR', '10.0.0.0/8', '2001:db8::/32'),
        rule('pattern', 'p', 'MATCHES', '^(a+)+$'),
        rule('odd', '__proto__.polluted', 'EXISTS'),
        rule('everybody', 'split', 'EXISTS'),
      ].map((each) =>
        each.id === 'everybody' ? { ...each, serve: { split: { variations: split } } } : each,
      ),
    },
  });
});

afterAll(() => target.close());

const evaluate = (message: Json | string) => target.call(EVALUATE, message, { token: target.keys.server });

async function decide(attributes: Json, targetingKey = 'user-1'): Promise<Json> {
  const answer = await evaluate({ flagKey: 'probing', context: { targetingKey, attributes } });
  expect(codeOf(answer), answer.message).toBe('OK');
  return jsonOf(answer);
}

const binary = (request: MessageInitShape<typeof EvaluateRequestSchema>): Uint8Array =>
  toBinary(EvaluateRequestSchema, create(EvaluateRequestSchema, request));

const CHECKOUT = binary({ flagKey: 'checkout' });

describe('a flag', () => {
  it('that is not there is an answer without a value', async () => {
    expect(jsonOf(await evaluate({ flagKey: 'missing' }))).toMatchObject({
      flagKey: 'missing',
      reason: 'REASON_ERROR',
      errorCode: 'ERROR_CODE_FLAG_NOT_FOUND',
    });
  });

  it('of another type than expected is FAILED_PRECONDITION', async () => {
    const answer = await evaluate({ flagKey: 'checkout', expectedType: 'FLAG_TYPE_STRING' });
    expect(codeOf(answer)).toBe('FAILED_PRECONDITION');
  });

  it.each([
    ...[
      '../x',
      '$where',
      'a.b',
      '',
      'Checkout',
      'сheckout',
      'check out',
      'a\0b',
      'a\r\nb',
      '*',
      '>',
      'a/b',
      '-a',
      '__proto__',
    ],
    ...['{"$gt":""}', 'x'.repeat(64), 'x'.repeat(1_000), '%00', '\u202echeckout', 'constructor\n'],
  ])('cannot be called %o', async (flagKey) => {
    expect(codeOf(await evaluate({ flagKey }))).toBe('INVALID_ARGUMENT');
    const all = await target.code(
      'EvaluationService/EvaluateAll',
      { flagKeys: [flagKey] },
      { token: target.keys.server },
    );
    expect(all).toBe('INVALID_ARGUMENT');
  });

  it.each(['constructor', 'prototype', 'to-string', 'has-own-property', 'valueof'])(
    'may be called %s',
    async (flagKey) => {
      expect(jsonOf(await evaluate({ flagKey }))).toMatchObject({ errorCode: 'ERROR_CODE_FLAG_NOT_FOUND' });
    },
  );

  it.each([
    ...[
      'projects/*/environments/production',
      'projects/default/environments/>',
      'projects/default',
      '>',
      '$ne',
    ],
    ...[
      'projects/default/environments/production/',
      'projects/default/environments/prod uction',
      '../production',
    ],
    ...['projects/default\r\n/environments/production', 'projects/__proto__/environments/constructor'],
  ])('is in no environment called %o', async (environment) => {
    expect(await target.code(EVALUATE, { flagKey: 'checkout', environment })).toBe('INVALID_ARGUMENT');
  });
});

/** Field 1 is the flag key, field 2 the context, whose field 2 is the struct of attributes. */
const MALFORMED: [string, Buffer][] = [
  ['a truncated varint', Buffer.from([0x08, 0xff])],
  ['an endless varint', Buffer.alloc(40, 0xff)],
  ['a length beyond the end', Buffer.from([0x0a, 0x7f, 0x61])],
  ['a length of 4 GiB', Buffer.from([0x0a, 0xff, 0xff, 0xff, 0xff, 0x0f])],
  ['the wrong wire type', Buffer.from([0x08, 0x01])],
  ['no wire type there is', Buffer.from([0x0f])],
  ['the field zero', Buffer.from([0x00, 0x01])],
  ['bad UTF-8', Buffer.from([0x0a, 0x02, 0xc3, 0x28])],
  ['half a surrogate pair', Buffer.from([0x0a, 0x03, 0xed, 0xa0, 0x80])],
  ['a group that does not end', Buffer.from([0x7b])],
  ['an end of no group', Buffer.from([0x7c])],
  ['ten thousand nested groups', Buffer.concat([Buffer.alloc(10_000, 0x7b), Buffer.alloc(10_000, 0x7c)])],
  ['ten thousand nested lists', nestedLists(10_000)],
];

/** A context with an attribute that is a list in a list in a list. */
function nestedLists(depth: number): Buffer {
  let value: Buffer = Buffer.from([0x08, 0x00]);
  for (let level = 0; level < depth; level++) value = field(6, field(1, value));
  return field(2, field(2, field(1, Buffer.concat([field(1, Buffer.from('a')), field(2, value)]))));
}

function field(number: number, bytes: Buffer): Buffer {
  const length: number[] = [];
  for (let rest = bytes.length; ; rest = Math.floor(rest / 128)) {
    length.push(rest < 128 ? rest : (rest % 128) + 128);
    if (rest < 128) break;
  }
  return Buffer.concat([Buffer.from([number * 8 + 2, ...length]), bytes]);
}

describe.each(BINARY_WIRES)('$name', ({ send, encodingHeader, contentType, timeoutHeader }) => {
  const enveloped = contentType.startsWith('application/grpc');
  const to = (message: Uint8Array, options: Parameters<typeof send>[3] = {}) =>
    send(target.server.url, EVALUATE, message, { token: target.keys.server, ...options });

  it('answers what is well formed', async () => {
    const answer = await to(CHECKOUT);
    expect(codeOf(answer)).toBe('OK');
    expect(answer.body.toString('latin1')).toContain('checkout');
  });

  it.each(MALFORMED)('takes %s for INVALID_ARGUMENT', async (_, message) => {
    expect(codeOf(await to(message))).toBe('INVALID_ARGUMENT');
  });

  it('passes over a field that it does not know', async () => {
    expect(codeOf(await to(Buffer.concat([CHECKOUT, field(15, Buffer.from('new'))])))).toBe('OK');
  });

  it('refuses a message that is too large, small when packed or not', async () => {
    const large = binary({ flagKey: 'checkout', context: { targetingKey: 'x'.repeat(MIB) } });
    expect(codeOf(await to(large))).toBe('RESOURCE_EXHAUSTED');
    for (const [encoding, packed] of [
      ['gzip', GZIP_BOMB],
      ['br', BROTLI_BOMB],
    ] as const)
      expect(codeOf(await to(packed, { headers: { [encodingHeader]: encoding }, flags: 1 }))).toBe(
        'RESOURCE_EXHAUSTED',
      );
  });

  it('unpacks what is packed well, and nothing else', async () => {
    const headers = { [encodingHeader]: 'gzip' };
    expect(codeOf(await to(gzipSync(CHECKOUT), { headers, flags: 1 }))).toBe('OK');
    for (const broken of [
      gzipSync(CHECKOUT).subarray(0, -4),
      Buffer.concat([gzipSync(CHECKOUT), Buffer.from('behind')]),
      Buffer.from('no gzip at all'),
    ])
      expect(codeOf(await to(broken, { headers, flags: 1 }))).toBe('INVALID_ARGUMENT');
    for (const encoding of ['zstd', 'deflate', 'gzip, gzip', '__proto__'])
      expect(codeOf(await to(CHECKOUT, { headers: { [encodingHeader]: encoding }, flags: 1 }))).toBe(
        'UNIMPLEMENTED',
      );
  });

  if (enveloped)
    it('holds messages to the length that they announce', async () => {
      expect(codeOf(await to(CHECKOUT, { length: CHECKOUT.length + 5 }))).toBe('INVALID_ARGUMENT');
      expect(codeOf(await to(CHECKOUT, { length: CHECKOUT.length - 5 }))).toMatch(
        /INVALID_ARGUMENT|UNIMPLEMENTED/,
      );
      expect(codeOf(await to(CHECKOUT, { length: 0xffff_ffff, keepOpen: true }))).toBe('RESOURCE_EXHAUSTED');
      for (const flags of [2, 0x80, 0xff])
        expect(codeOf(await to(CHECKOUT, { flags }))).toBe('INVALID_ARGUMENT');
      expect(codeOf(await to(CHECKOUT, { flags: 1 }))).toBe('INVALID_ARGUMENT');
    });

  it('holds callers to the deadlines that they set', async () => {
    const within = async (timeout: string) =>
      codeOf(await to(CHECKOUT, { headers: { [timeoutHeader]: timeout } }));
    const [none, tiny, long, longest, junk] = enveloped
      ? ['0m', '1n', '1H', '99999999H', ['1', 'm', '-1S', '1.5S', '999999999S', '1 S', 'NaN']]
      : ['0', '0', '1000', '9999999999', ['-1', '1.5', '1s', '99999999999', 'NaN', '']];
    expect(await within(none)).toBe('DEADLINE_EXCEEDED');
    expect(await within(tiny)).toBe('DEADLINE_EXCEEDED');
    expect(await within(long)).toBe('OK');
    expect(await within(longest)).toBe('OK');
    for (const timeout of junk)
      expect([timeout, await within(timeout)]).toEqual([timeout, 'INVALID_ARGUMENT']);
  });
});

describe('gRPC', () => {
  it('takes one message for a unary call, neither none nor two', async () => {
    const two = Buffer.concat([Buffer.alloc(5), CHECKOUT]);
    for (const { send } of [GRPC, GRPC_WEB]) {
      const answer = await send(target.server.url, EVALUATE, two, { token: target.keys.server, length: 0 });
      expect(codeOf(answer)).toMatch(/INVALID_ARGUMENT|UNIMPLEMENTED/);
    }
  });

  it('over the text form of gRPC-web is not spoken', async () => {
    const headers = { 'content-type': 'application/grpc-web-text+proto' };
    const { status } = await GRPC_WEB.send(target.server.url, EVALUATE, CHECKOUT, {
      token: target.keys.server,
      headers,
    });
    expect(status).toBe(415);
  });

  it('refuses metadata that is not what it says', async () => {
    const headers = { 'trace-bin': '%%%not base64%%%' };
    const answer = await GRPC.send(target.server.url, EVALUATE, CHECKOUT, {
      token: target.keys.server,
      headers,
    });
    expect(codeOf(answer)).toMatch(/OK|INVALID_ARGUMENT/);
  });
});

describe('what does not exist', () => {
  it.each(WIRES)('is UNIMPLEMENTED over $name', async ({ send }) => {
    for (const method of [
      'EvaluationService/Nope',
      'NopeService/Evaluate',
      '/nope.v1.Service/Method',
      'EvaluationService/__proto__',
    ])
      expect(codeOf(await send(target.server.url, method, Buffer.alloc(0)))).toBe('UNIMPLEMENTED');
  });

  it.each([
    ...[
      'text/plain',
      'application/x-www-form-urlencoded',
      'multipart/form-data',
      'application/xml',
      'application/',
    ],
    ...['', 'application/grpc-web-text', 'application/connect+proto', 'application/json; charset=utf-16'],
  ])('as a content type is 415: %o', async (contentType) => {
    const { status } = await target.call(
      EVALUATE,
      { flagKey: 'checkout' },
      { headers: { 'content-type': contentType } },
    );
    expect(status).toBe(415);
  });
});

describe('a GET', () => {
  const get = (method: string, query: Record<string, string>) =>
    fetch(`${target.server.url}/vexil.v1.${method}?${new URLSearchParams(query)}`, {
      headers: bearer(target.keys.admin),
    });
  const json = { connect: 'v1', encoding: 'json' };

  it('may read', async () => {
    const message = JSON.stringify({ flagKey: 'checkout', environment: PRODUCTION });
    expect((await get(EVALUATE, { ...json, message })).status).toBe(200);
  });

  it('may not change anything', async () => {
    const message = JSON.stringify({ name: `${PRODUCTION}/flags/checkout` });
    for (const method of ['HaltFlag', 'EnableFlag', 'DeleteFlag'])
      expect((await get(`FlagService/${method}`, { ...json, message })).status).toBe(405);
  });

  it('may not be large, deep, packed too well or malformed', async () => {
    const status = async (query: Record<string, string>) =>
      (await get(EVALUATE, { ...json, ...query })).status;
    expect(await status({ message: 'x'.repeat(20_000) })).toBe(431);
    expect(await status({ message: '['.repeat(5_000) })).toBe(400);
    expect(await status({ message: '{"flagKey":"a","flagKey":"b"}' })).toBe(400);
    expect(await status({ message: '%%%', base64: '1' })).toBe(400);
    const bomb = gzipSync(Buffer.alloc(4 * MIB)).toString('base64url');
    expect(await status({ message: bomb, base64: '1', compression: 'gzip' })).toBe(429);
    expect(await status({ message: '{}', encoding: 'xml' })).toBe(415);
  });
});

describe('JSON', () => {
  it.each([
    ['a hundred thousand levels', `{"context":{"attributes":{"a":${'['.repeat(100_000)}`],
    [
      'a hundred thousand levels that end',
      `{"context":{"attributes":{"a":${'['.repeat(100_000)}${']'.repeat(100_000)}}}}`,
    ],
    ['a key twice', '{"flagKey":"checkout","flagKey":"pricing"}'],
    ['a key twice, once in escapes', '{"flagKey":"checkout","flag\\u004bey":"pricing"}'],
    ['an attribute twice', '{"flagKey":"checkout","context":{"attributes":{"a":1,"a":2}}}'],
    ['a field in both spellings', '{"flagKey":"checkout","flag_key":"pricing"}'],
    ['two values', '{"flagKey":"checkout"}{}'],
    ['half a surrogate pair', '{"flagKey":"checkout","context":{"targetingKey":"\\ud800"}}'],
    ['NaN', '{"flagKey":"checkout","context":{"attributes":{"n":NaN}}}'],
    ['a string for an object', '{"flagKey":"checkout","context":"x"}'],
    ['an object for a string', '{"flagKey":{"$gt":""}}'],
    ['a list for a string', '{"flagKey":["checkout"]}'],
    ['an object for a targeting key', '{"flagKey":"checkout","context":{"targetingKey":{"$ne":null}}}'],
    ['a list for attributes', '{"flagKey":"checkout","context":{"attributes":[]}}'],
    ['no object', '[]'],
    ['null', 'null'],
    ['nothing', ''],
    ['an enum of another type', '{"flagKey":"checkout","expectedType":{}}'],
    ['an unsafe integer', '{"flagKey":"checkout","minRevision":9007199254740993}'],
    ['an integer beyond 64 bits', '{"flagKey":"checkout","minRevision":"9223372036854775808"}'],
    ['a negative revision', '{"flagKey":"checkout","minRevision":"-1"}'],
    ['the least integer', '{"flagKey":"checkout","minRevision":"-9223372036854775808"}'],
  ])('with %s is INVALID_ARGUMENT', async (_, text) => {
    expect(codeOf(await evaluate(text))).toBe('INVALID_ARGUMENT');
  });

  it('beyond the limits is RESOURCE_EXHAUSTED', async () => {
    const context = (attributes: Json, targetingKey = '') => ({
      flagKey: 'checkout',
      context: { targetingKey, attributes },
    });
    const many = (count: number, name: (index: number) => string) =>
      Object.fromEntries(Array.from({ length: count }, (_, index) => [name(index), index]));
    for (const message of [
      context(many(1_001, (index) => `a${index}`)),
      context(many(10_000, (index) => `a${index}`)),
      context(many(100_000, String)),
      context({ deep: many(20_000, String) }),
      context({ text: 'x'.repeat(MIB) }),
      context({}, 'x'.repeat(65_536)),
      { flagKeys: Array.from({ length: 5_001 }, (_, index) => `f-${index}`) },
    ]) {
      const method = 'flagKeys' in message ? 'EvaluationService/EvaluateAll' : EVALUATE;
      expect(await target.code(method, message, { token: target.keys.server })).toBe('RESOURCE_EXHAUSTED');
    }
  });
});

describe('a context', () => {
  it('may have attributes named like parts of objects', async () => {
    const names = [
      '__proto__',
      'constructor',
      'prototype',
      'toString',
      'hasOwnProperty',
      'valueOf',
      '__defineGetter__',
    ];
    for (const name of names) {
      const text = `{"flagKey":"checkout","context":{"attributes":{"${name}":{"polluted":true},"a":{"${name}":{"x":1}}}}}`;
      expect(codeOf(await evaluate(text))).toBe('OK');
    }
    const plain = await evaluate(
      '{"flagKey":"probing","context":{"attributes":{"__proto__":{"polluted":true}}}}',
    );
    expect(jsonOf(plain)).toMatchObject({ ruleId: 'odd' });
    const polluted = field(
      2,
      field(
        5,
        field(1, Buffer.concat([field(1, Buffer.from('polluted')), field(2, Buffer.from([0x20, 1]))])),
      ),
    );
    const attribute = Buffer.concat([field(1, Buffer.from('__proto__')), polluted]);
    const message = Buffer.concat([
      field(1, Buffer.from('probing')),
      field(2, field(2, field(1, attribute))),
    ]);
    const binaryAnswer = await GRPC.send(target.server.url, EVALUATE, message, { token: target.keys.server });
    expect(binaryAnswer.body.toString('latin1')).toContain('odd');
    expect(await decide({})).toMatchObject({ reason: 'REASON_DEFAULT' });
  });

  it.each([
    [
      'n',
      ['NaN', 'Infinity', '-Infinity', '1e400', '0x10', '', ' 9000000001', null, true, [], {}, -0, -1e308],
    ],
    ['v', ['', 'v', 'x.y.z', '1.2.3.4', '-1.0.0', null, 2, {}]],
    ['t', ['', 'soon', '2020-13-45', '10000-01-01', '2020-01-01T99:00:00Z', null, {}, -1e300, '1e9999']],
    [
      'ip',
      ['', '10.0.0', '10.0.0.256', '010.0.0.1', '10.0.0.1/8', '::ffff:1.2.3.4', 'localhost', ':::', null, {}],
    ],
    ['p', [`${'a'.repeat(50_000)}!`, '', null, 7, {}]],
  ] as const)('with junk in %s matches no rule', async (attribute, values) => {
    for (const value of values) {
      const decided = await decide({ [attribute]: value });
      expect([value, decided.reason]).toEqual([value, 'REASON_DEFAULT']);
    }
  });

  it.each([
    ['n', ['9000000001', 9_007_199_254_740_991, 1e308]],
    ['v', ['1.2.4', 'v2', '1.3', '99999999999999999999999']],
    ['t', ['2026-01-01', '2026-01-01T00:00:00.123456789+14:00', 1_767_225_600_000]],
    ['ip', ['10.1.2.3', '2001:db8::1', '2001:DB8:0:0:0:0:0:1']],
    ['p', ['a'.repeat(50_000)]],
  ] as const)('with sense in %s matches its rule', async (attribute, values) => {
    for (const value of values) {
      const decided = await decide({ [attribute]: value });
      expect([value, decided.reason]).toEqual([value, 'REASON_TARGETING_MATCH']);
    }
  });

  it('is put in a bucket by the exact characters of its targeting key', async () => {
    const keys = ['a', 'A', 'é', 'é', '\u202ea', 'a\0b', ' a', '1', '01', '\u{1f600}', 'x'.repeat(4_096)];
    for (const key of keys) {
      const decided = await decide({ split: 1 }, key);
      expect([key, decided.reason]).toEqual([key, 'REASON_SPLIT']);
      expect(await decide({ split: 1 }, key)).toEqual(decided);
    }
  });

  it('needs a targeting key for a split only', async () => {
    expect(await decide({ split: 1 }, '')).toMatchObject({
      reason: 'REASON_ERROR',
      errorCode: 'ERROR_CODE_TARGETING_KEY_MISSING',
      boolValue: false,
    });
    expect(await decide({}, '')).toMatchObject({ reason: 'REASON_DEFAULT' });
  });

  it('in binary may say what JSON cannot, and gets a decision or a refusal', async () => {
    const kinds = [
      Number.NaN,
      Number.POSITIVE_INFINITY,
      Number.NEGATIVE_INFINITY,
      -0,
      5e-324,
      Number.MAX_VALUE,
    ];
    for (const number of kinds) {
      const double = Buffer.alloc(9);
      double[0] = 0x11;
      double.writeDoubleLE(number, 1);
      const attribute = Buffer.concat([field(1, Buffer.from('n')), field(2, double)]);
      const message = Buffer.concat([
        field(1, Buffer.from('probing')),
        field(2, field(2, field(1, attribute))),
      ]);
      for (const { send } of BINARY_WIRES) {
        const code = codeOf(await send(target.server.url, EVALUATE, message, { token: target.keys.server }));
        expect([number, code]).toEqual([number, Number.isFinite(number) ? 'OK' : code]);
        expect(['OK', 'INVALID_ARGUMENT']).toContain(code);
      }
    }
  });

  it('with an attribute of no kind gets a decision or a refusal', async () => {
    const attribute = Buffer.concat([field(1, Buffer.from('n')), field(2, Buffer.alloc(0))]);
    const message = Buffer.concat([
      field(1, Buffer.from('probing')),
      field(2, field(2, field(1, attribute))),
    ]);
    for (const { send } of BINARY_WIRES)
      expect(['OK', 'INVALID_ARGUMENT']).toContain(
        codeOf(await send(target.server.url, EVALUATE, message, { token: target.keys.server })),
      );
  });
});

describe('a revision that is not there yet', () => {
  it.each(['EvaluationService/Evaluate', 'EvaluationService/EvaluateAll', 'EvaluationService/Handshake'])(
    'is UNAVAILABLE to %s, and old data never an answer',
    async (method) => {
      const more = {
        'EvaluationService/Evaluate': { flagKey: 'checkout' },
        'EvaluationService/Handshake': { protocolVersion: 1 },
      };
      for (const minRevision of ['1000', '9007199254740991']) {
        const message = { minRevision, ...Object(Object(more)[method]) };
        expect(await target.code(method, message, { token: target.keys.server })).toBe('UNAVAILABLE');
      }
    },
  );
});

describe('a handshake', () => {
  const handshake = (message: Json) =>
    target.call('EvaluationService/Handshake', message, { token: target.keys.server });

  it.each([0, 2, 4_294_967_295])(
    'in version %d is FAILED_PRECONDITION and says which it could be',
    async (protocolVersion) => {
      const answer = await handshake({ protocolVersion });
      expect(codeOf(answer)).toBe('FAILED_PRECONDITION');
      expect(answer.body.toString()).toContain('PROTOCOL_VERSION_UNSUPPORTED');
    },
  );

  it('with a client that has too much to say of itself is INVALID_ARGUMENT', async () => {
    const name = 'x'.repeat(MIB / 2);
    expect(codeOf(await handshake({ protocolVersion: 1, client: { name } }))).toBe('INVALID_ARGUMENT');
    expect(codeOf(await handshake({ protocolVersion: 1, client: { version: name } }))).toBe(
      'INVALID_ARGUMENT',
    );
  });

  it('takes any etag for one that it does not know', async () => {
    for (const etag of ['"x"', '', '\0', 'W/"1"', '*'.repeat(10_000)])
      expect(jsonOf(await handshake({ protocolVersion: 1, etag }))).not.toHaveProperty('notModified');
  });
});

describe('the log', () => {
  it('holds what callers say on lines of its own making only', async () => {
    const forged = 'x\r\n{"level":"fatal","msg":"forged"}\u001b[31m\u202e';
    await target.call(
      'FlagService/HaltFlag',
      { name: forged, reason: forged },
      { token: target.keys.server },
    );
    await target.call(
      EVALUATE,
      { flagKey: forged, context: { targetingKey: forged } },
      { token: target.keys.admin },
    );
    await target.call(`EvaluationService/${encodeURIComponent(forged)}`, {}, { token: 'x' });
    for (const line of target.server.output().split('\n')) {
      expect(line).not.toMatch(/^\{"level":"fatal"/);
      // biome-ignore lint/suspicious/noControlCharactersInRegex: those are what must not be there
      expect(line).not.toMatch(/[\u0000-\u0008\u000b-\u001f\u007f-\u009f\u202a-\u202e]/);
    }
  });

  it('holds no key', async () => {
    await target.call('FlagService/ListFlags', { parent: PROJECT }, { token: target.keys.web });
    await target.call(EVALUATE, {}, { token: `${target.keys.server}x` });
    // The one on the first start is for whoever started it.
    const [, ...afterwards] = target.server.output().split(target.keys.admin);
    expect(afterwards.join('')).not.toMatch(/vx_(server|web|admin)_\w{10}/);
  });
});

describe('EvaluateStream', () => {
  it('answers what is wrong with one request, or ends; and takes the next stream', async () => {
    using grpc = grpcCaller(target.server.address);
    using stream = grpc.duplex('EvaluationService/EvaluateStream', { token: target.keys.server });
    for (const [id, flagKey] of ['../x', '', 'missing', 'checkout'].entries()) {
      stream.write({ id: String(id + 1), flagKey });
      const answer = await stream.next();
      expect(answer).toMatchObject({ id: String(id + 1), decision: flagKey === '' ? {} : { flagKey } });
    }
    stream.write({ id: '18446744073709551615', flagKey: 'checkout', expectedType: 'FLAG_TYPE_JSON' });
    expect(await stream.next()).toMatchObject({
      id: '18446744073709551615',
      decision: { reason: 'REASON_ERROR', errorCode: 'ERROR_CODE_TYPE_MISMATCH' },
    });
    stream.write({ id: '7', flagKey: 'checkout', context: { targetingKey: 'x'.repeat(5_000) } });
    expect(await stream.ended).toMatchObject({ code: 'RESOURCE_EXHAUSTED' });
  });
});

it('Connect answers 415 to a form that a browser would post without asking', async () => {
  const headers = { 'content-type': 'text/plain', origin: 'https://evil.example' };
  const body = JSON.stringify({ name: `${PRODUCTION}/flags/checkout` });
  const answer = await CONNECT.send(target.server.url, 'FlagService/HaltFlag', Buffer.from(body), {
    token: target.keys.admin,
    headers,
  });
  expect(answer.status).toBe(415);
});

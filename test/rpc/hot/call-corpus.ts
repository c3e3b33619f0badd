import { brotliCompressSync, deflateSync, gzipSync } from 'node:zlib';
import { fromJson, type JsonObject, toBinary } from '@bufbuild/protobuf';
import { EvaluateRequestSchema } from '../../../gen/vexil/v1/evaluation_pb.ts';
import { envelope } from '../raw-call.ts';
import { type KeyName, MAX_BYTES, SHOP_ORIGIN } from './two-ports.ts';
import { type Case, type Fields, sends, sendsBytes, type Way } from './unary-case.ts';

const CHECKOUT = { flagKey: 'checkout', context: { targetingKey: 'anna', attributes: { plan: 'pro' } } };
const EVERYTHING = { context: { targetingKey: 'anna' } };
const PRODUCTION = 'projects/shop/environments/production';

const encodingHeader = ({ isGrpc }: Way) => (isGrpc ? 'grpc-encoding' : 'content-encoding');
const acceptHeader = ({ isGrpc }: Way) => (isGrpc ? 'grpc-accept-encoding' : 'accept-encoding');
const timeoutHeader = ({ isGrpc }: Way) => (isGrpc ? 'grpc-timeout' : 'connect-timeout-ms');

const QUESTIONS: readonly Case[] = [
  sends('a flag', CHECKOUT),
  sends('a flag in JSON', { ...CHECKOUT, flagKey: 'pricing' }),
  sends('a flag that is not there', { flagKey: 'nope' }),
  sends('a key that is none', { flagKey: 'Not A Key' }),
  sends('nothing', {}),
  sends('the right type', { ...CHECKOUT, expectedType: 'FLAG_TYPE_BOOLEAN' }),
  sends('another type', { ...CHECKOUT, expectedType: 'FLAG_TYPE_STRING' }),
  sends('why', { ...CHECKOUT, explain: true }),
  sends('why, with a web key', { ...CHECKOUT, explain: true }, { key: 'web' }),
  sends('a hidden flag, with a web key', { flagKey: 'pricing' }, { key: 'web' }),
  sends('a revision that is here', { ...CHECKOUT, minRevision: '1' }),
  sends('a revision that is not here', { ...CHECKOUT, minRevision: '999999' }),
  sends('a revision below zero', { ...CHECKOUT, minRevision: '-1' }),
  sends('its own environment', { ...CHECKOUT, environment: PRODUCTION }),
  sends('another environment', { ...CHECKOUT, environment: 'projects/shop/environments/staging' }),
  sends('an environment that is none', { ...CHECKOUT, environment: 'production' }),
  sends('an environment, with an admin key', { ...CHECKOUT, environment: PRODUCTION }, { key: 'admin' }),
  sends('no environment, with an admin key', CHECKOUT, { key: 'admin' }),
  sends('many attributes', { flagKey: 'checkout', context: { attributes: attributes(300) } }),
  sends('too many attributes', { flagKey: 'checkout', context: { attributes: attributes(2_000) } }),
  sendsBytes(
    'too many attributes, and nonsense behind them',
    Buffer.from(JSON.stringify({ context: { attributes: attributes(2_000) }, flagKey: 1 })),
    Buffer.concat([
      toBinary(
        EvaluateRequestSchema,
        fromJson(EvaluateRequestSchema, { context: { attributes: attributes(2_000) } }),
      ),
      Buffer.from([0x0f]),
    ]),
  ),
  sendsBytes(
    'one attribute too often',
    Buffer.from('{}'),
    Buffer.concat(
      Array(2_000).fill(
        toBinary(
          EvaluateRequestSchema,
          fromJson(EvaluateRequestSchema, { context: { attributes: { plan: 1 } } }),
        ),
      ),
    ),
  ),
  sends('all flags', EVERYTHING, { method: 'EvaluateAll' }),
  sends('some flags', { ...EVERYTHING, flagKeys: ['checkout', 'nope'] }, { method: 'EvaluateAll' }),
  sends('all flags that a page may see', EVERYTHING, { method: 'EvaluateAll', key: 'web' }),
  sends('too many flags', { flagKeys: Array(6_000).fill('a') }, { method: 'EvaluateAll' }),
  sends('a handshake', { ...EVERYTHING, protocolVersion: 1 }, { method: 'Handshake' }),
  sends('a handshake of the future', { protocolVersion: 99 }, { method: 'Handshake' }),
];

function attributes(count: number): JsonObject {
  return Object.fromEntries(Array.from({ length: count }, (_, index) => [`attribute-${index}`, index]));
}

const MALFORMED: readonly (readonly [string, Buffer, string | Buffer])[] = [
  ['a truncated varint', Buffer.from([0x20, 0xff]), '{"explain":'],
  ['a truncated string', Buffer.from([0x0a, 10, 0x61]), '{"flagKey":"a'],
  ['a truncated message', Buffer.from([0x12, 0x7f]), '{"context":{'],
  ['a reserved wire type', Buffer.from([0x0f]), 'null'],
  [
    'bad UTF-8',
    Buffer.from([0x0a, 2, 0xc3, 0x28]),
    Buffer.from([0x7b, 0x22, 0xc3, 0x28, 0x22, 0x3a, 0x31, 0x7d]),
  ],
  ['field zero', Buffer.from([0x02, 0]), '[]'],
  ['an unclosed group', Buffer.from([0x63]), '{"flagKey":"a","flag\\u004bey":"b"}'],
  ['the end of a group', Buffer.from([0x64]), '{"flagKey":{"$gt":""}}'],
  ['what is not known', Buffer.from([0xf8, 0x07, 1]), '{"unheardOf":1,"flagKey":"checkout"}'],
  ['a lone surrogate', Buffer.from([0x0a, 3, 0xed, 0xa0, 0x80]), '{"flagKey":"\\ud800"}'],
  ['nesting', nested(200), `{"context":{"attributes":{"a":${'['.repeat(200)}${']'.repeat(200)}}}}`],
];

function nested(depth: number): Buffer {
  return depth === 0
    ? Buffer.of()
    : Buffer.concat([Buffer.from([0x63]), nested(depth - 1), Buffer.from([0x64])]);
}

const MESSAGES: readonly Case[] = MALFORMED.map(([name, binary, text]) =>
  sendsBytes(`a message with ${name}`, Buffer.from(text), binary),
);

const two = (way: Way, message: Buffer) => [Buffer.concat([inPlace(way, message), inPlace(way, message)])];
const inPlace = (way: Way, message: Buffer) => (way.isGrpc ? envelope(message) : message);

const FRAMING: readonly Case[] = [
  sends('no body', CHECKOUT, { body: () => [] }),
  sends('an empty piece', CHECKOUT, { body: () => [Buffer.alloc(0)] }),
  sends('two messages', CHECKOUT, { body: two }),
  sends('two messages in two pieces', CHECKOUT, {
    body: (way, message) => [inPlace(way, message), inPlace(way, message)],
  }),
  sends('a second message that is malformed', CHECKOUT, {
    body: (way, message) => [inPlace(way, message), inPlace(way, Buffer.from([0x0f]))],
  }),
  sends('bytes behind the message', CHECKOUT, {
    body: (way, message) => [inPlace(way, message), Buffer.from([0, 0])],
  }),
  sends('bytes behind a malformed message', CHECKOUT, {
    body: (way) => [inPlace(way, Buffer.from([0x0f])), Buffer.from([0, 0])],
  }),
  sends('byte by byte', CHECKOUT, {
    body: (way, message) => [...inPlace(way, message)].map((byte) => Buffer.of(byte)),
  }),
  sends('in two halves', CHECKOUT, {
    body: (way, message) => [inPlace(way, message).subarray(0, 9), inPlace(way, message).subarray(9)],
  }),
  sends('a message that ends early', CHECKOUT, {
    body: (way, message) => [inPlace(way, message).subarray(0, -1)],
  }),
  sends('an envelope that ends early', CHECKOUT, {
    body: (way, message) => [inPlace(way, message).subarray(0, 3)],
  }),
  sends('more than is announced', CHECKOUT, {
    body: (_, message) => [envelope(message, { length: message.length - 1 })],
  }),
  sends('an empty message', CHECKOUT, { body: (way) => [inPlace(way, Buffer.alloc(0))] }),
  ...[2, 0x80, 0xff].map((flags) =>
    sends(`the flags ${flags}`, CHECKOUT, { body: (_, message) => [envelope(message, { flags })] }),
  ),
  sends('four announced gigabytes', CHECKOUT, {
    body: (_, message) => [envelope(message, { length: 0xffff_ffff })],
    headers: ({ isGrpc }) => (isGrpc ? [] : [['content-length', '4294967295']]),
    change: { ending: 'open' },
  }),
  sends('a message as large as may be', { flagKey: 'x'.repeat(MAX_BYTES - 100) }),
  sends('a message that is too large', { flagKey: 'x'.repeat(MAX_BYTES) }),
  sends(
    'a message that is too large, in pieces',
    { flagKey: 'x'.repeat(MAX_BYTES) },
    {
      body: (way, message) =>
        [0, 1, 2, 3].map((part) => inPlace(way, message).subarray(part * 20_000, part * 20_000 + 20_000)),
    },
  ),
];

const noise = { flagKey: 'x'.repeat(5_000) };
const packed =
  (encoding: string) =>
  (way: Way): Fields => [[encodingHeader(way), encoding]];

const COMPRESSED: readonly Case[] = [
  sends('gzip', CHECKOUT, { pack: gzipSync, headers: packed('gzip') }),
  sends('brotli', CHECKOUT, { pack: brotliCompressSync, headers: packed('br') }),
  sends('gzip, large', noise, { pack: gzipSync, headers: packed('gzip') }),
  sends('deflate, which is not served', CHECKOUT, { pack: deflateSync, headers: packed('deflate') }),
  sends('an unknown compression', CHECKOUT, { pack: gzipSync, headers: packed('snappy') }),
  sends('gzip that nobody names', CHECKOUT, { pack: gzipSync }),
  sends('gzip in name only', CHECKOUT, { headers: packed('gzip') }),
  sends('identity', CHECKOUT, { headers: packed('identity') }),
  sends('no gzip', CHECKOUT, {
    pack: (message) => Buffer.concat([message, message]),
    headers: packed('gzip'),
  }),
  sends('half of a gzip', CHECKOUT, {
    pack: (message) => gzipSync(message).subarray(0, 12),
    headers: packed('gzip'),
  }),
  sends('a gzip with a tail', CHECKOUT, {
    pack: (message) => Buffer.concat([gzipSync(message), Buffer.from('tail')]),
    headers: packed('gzip'),
  }),
  sends('a bomb', CHECKOUT, { pack: () => gzipSync(Buffer.alloc(5_000_000, 32)), headers: packed('gzip') }),
  sends('a brotli bomb', CHECKOUT, {
    pack: () => brotliCompressSync(Buffer.alloc(1_000_000, 32)),
    headers: packed('br'),
  }),
  sends('nothing, compressed', {}, { pack: () => Buffer.alloc(0), headers: packed('gzip') }),
  ...['gzip', 'br', 'identity', 'deflate, gzip', 'identity,deflate,gzip', 'gzip;q=0', '*', 'GZIP', ''].map(
    (accepted) =>
      sends(`a large answer, accepting "${accepted}"`, EVERYTHING, {
        method: 'EvaluateAll',
        headers: (way) => [[acceptHeader(way), accepted]],
      }),
  ),
  sends('a small answer, accepting gzip', CHECKOUT, { headers: (way) => [[acceptHeader(way), 'gzip']] }),
  sends(
    'a large refusal, accepting gzip',
    { flagKey: `"${'x'.repeat(2_000)}` },
    { headers: (way) => [[acceptHeader(way), 'gzip']] },
  ),
  ...['gzip', 'br', 'br, gzip', 'identity', undefined].map((accepted) =>
    sends(`gzip, accepting ${accepted ?? 'what is not said'}`, EVERYTHING, {
      method: 'EvaluateAll',
      pack: gzipSync,
      headers: (way) => [
        [encodingHeader(way), 'gzip'],
        ...(accepted === undefined ? [] : [[acceptHeader(way), accepted] as const]),
      ],
    }),
  ),
  sends('gzip, refused', { ...CHECKOUT, minRevision: '-1' }, { pack: gzipSync, headers: packed('gzip') }),
];

const CALLERS: readonly Case[] = [
  ...Object.entries({
    'no key': () => [],
    'an empty key': () => [['authorization', '']],
    'a scheme alone': () => [['authorization', 'Bearer ']],
    'another scheme': ({ server }) => [['authorization', `Basic ${server}`]],
    'a small scheme': ({ server }) => [['authorization', `bearer ${server}`]],
    'spaces behind the scheme': ({ server }) => [['authorization', `Bearer    ${server}`]],
    'a key without a scheme': ({ server }) => [['authorization', server]],
    'two keys in one header': ({ server }) => [['authorization', `Bearer ${server}, Bearer ${server}`]],
    'two keys in two headers': ({ server }) => [
      ['authorization', `Bearer ${server}`],
      ['authorization', `Bearer ${server}`],
    ],
    'two keys, one of them good': ({ server }) => [
      ['authorization', `Bearer ${server}`],
      ['Authorization', 'Bearer x'],
    ],
    'a key in another header': ({ server }) => [['x-api-key', server]],
    'a key in both headers': ({ server }) => [
      ['authorization', `Bearer ${server}`],
      ['x-api-key', server],
    ],
    'a key and two others': ({ server }) => [
      ['authorization', 'Bearer x'],
      ['authorization', 'Bearer y'],
      ['x-api-key', server],
    ],
    'a key twice in another header': ({ server }) => [
      ['x-api-key', server],
      ['x-api-key', server],
    ],
    'a revoked key': ({ revoked }) => [['authorization', `Bearer ${revoked}`]],
    'a wrong secret': ({ server }) => [['authorization', `Bearer ${server.slice(0, -20)}${'x'.repeat(20)}`]],
  } satisfies Record<string, (keys: Readonly<Record<KeyName, string>>) => [string, string][]>).map(
    ([name, credentials]) => sends(name, CHECKOUT, { credentials }),
  ),
  sends('a malformed message and no key', CHECKOUT, {
    credentials: () => [],
    body: (way) => [inPlace(way, Buffer.from([0x0f]))],
  }),
  ...[SHOP_ORIGIN, 'https://evil.example', 'null', ''].flatMap((origin) =>
    (['web', 'server', 'revoked'] as const).map((key) =>
      sends(`the origin "${origin}" with a ${key} key`, CHECKOUT, {
        key,
        headers: () => [['origin', origin]],
      }),
    ),
  ),
  sends('an origin and a malformed message', CHECKOUT, {
    key: 'web',
    headers: () => [['origin', SHOP_ORIGIN]],
    body: (way) => [inPlace(way, Buffer.from([0x0f]))],
  }),
];

const TIMES: readonly Case[] = [
  ...['0', '1500', '99999', '9999999999', '12345678901', '-1', 'soon', '', '1.5', '5S, 5S'].map((text) =>
    sends(`the timeout "${text}"`, CHECKOUT, {
      headers: (way) => [[timeoutHeader(way), way.isGrpc && /^\d{1,8}$/.test(text) ? `${text}S` : text]],
    }),
  ),
  ...['1n', '999u', '99999999H', '1x'].map((text) =>
    sends(`the timeout "${text}"`, CHECKOUT, { headers: (way) => [[timeoutHeader(way), text]] }),
  ),
  sends('no time left, and a malformed message', CHECKOUT, {
    headers: (way) => [[timeoutHeader(way), way.isGrpc ? '0S' : '0']],
    body: (way) => [inPlace(way, Buffer.from([0x0f]))],
  }),
  sends('a request that does not arrive', CHECKOUT, {
    body: (way, message) => [inPlace(way, message).subarray(0, 3)],
    headers: ({ isGrpc }) => (isGrpc ? [] : [['content-length', '100']]),
    change: { ending: 'open' },
  }),
  sends('a request that does not arrive by its deadline', CHECKOUT, {
    body: (way, message) => [inPlace(way, message).subarray(0, 3)],
    headers: (way) => [
      [timeoutHeader(way), way.isGrpc ? '50m' : '50'],
      ...(way.isGrpc ? [] : [['content-length', '100'] as const]),
    ],
    change: { ending: 'open' },
  }),
];

const SHAPES: readonly Case[] = [
  ...['GET', 'PUT', 'DELETE', 'OPTIONS'].map((method) =>
    sends(`${method === 'OPTIONS' ? 'an' : 'a'} ${method}`, CHECKOUT, { change: { method } }),
  ),
  sends('a query', CHECKOUT, { change: { path: '/vexil.v1.EvaluationService/Evaluate?a=b' } }),
  sends('a method that is not there', CHECKOUT, { change: { path: '/vexil.v1.EvaluationService/Nope' } }),
  sends('a path in other letters', CHECKOUT, { change: { path: '/vexil.v1.evaluationservice/evaluate' } }),
  sends('metadata', CHECKOUT, {
    headers: () => [
      ['te', 'trailers'],
      ['user-agent', 'grpc-node-js/1.14.7'],
      ['connect-protocol-version', '2'],
      ['x-echo', 'größe'],
      ['x-trace-bin', 'AP8B'],
      ['traceparent', '00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01'],
      ['cookie', 'a=b'],
    ],
  }),
];

export const CASES: readonly Case[] = [
  ...QUESTIONS,
  ...MESSAGES,
  ...FRAMING,
  ...COMPRESSED,
  ...CALLERS,
  ...TIMES,
  ...SHAPES,
];

/** Content types beside those of the ways, each with a body that would be good in the one that it looks like. */
export const CONTENT_TYPES: readonly string[] = [
  'application/grpc+proto',
  'application/grpc-web',
  'application/grpc-web+proto',
  'application/grpc-web-text',
  'application/grpc+thrift',
  'application/grpc; charset=utf-8',
  'application/GRPC',
  'application/json; charset=utf-8',
  'application/json;charset=utf8',
  'application/JSON',
  'application/json; charset=latin1',
  'application/x-protobuf',
  'application/connect+proto',
  'text/plain',
  '',
];

import { fromJson, type JsonObject, toBinary } from '@bufbuild/protobuf';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { EvaluateStreamRequestSchema, WatchFlagsRequestSchema } from '../../../gen/vexil/v1/evaluation_pb.ts';
import { envelope } from '../raw-call.ts';
import { exchange, type RawCall } from './raw-exchange.ts';
import { type KeyName, MAX_BYTES, openTwoPorts, type Port, type TwoPorts } from './two-ports.ts';

// Streams of gRPC to two ports, of which one has the fast path: what a caller sees, and what is noted, has to be the same.

type Pieces = readonly Uint8Array[];

interface StreamCase {
  readonly name: string;
  readonly method: 'EvaluateStream' | 'WatchFlags';
  readonly pieces: Pieces;
  readonly key?: KeyName | 'none' | 'nonsense';
  readonly headers?: readonly (readonly [string, string])[];
  readonly change?: Partial<RawCall>;
  /** The fast path has nothing to do with it. */
  readonly isLeft?: boolean;
}

const ANNA = { targetingKey: 'anna', attributes: { plan: 'pro' } };
const PRODUCTION = 'projects/shop/environments/production';

const asked = (message: JsonObject) =>
  envelope(toBinary(EvaluateStreamRequestSchema, fromJson(EvaluateStreamRequestSchema, message)));
const watching = (message: JsonObject) =>
  envelope(toBinary(WatchFlagsRequestSchema, fromJson(WatchFlagsRequestSchema, message)));
const asking = (name: string, pieces: Pieces, more: Partial<StreamCase> = {}): StreamCase => ({
  ...{ name: `EvaluateStream: ${name}`, method: 'EvaluateStream', pieces },
  ...more,
});
/** Watches never end by themselves, so these have little time. */
const watch = (name: string, pieces: Pieces, more: Partial<StreamCase> = {}): StreamCase => ({
  ...{ name: `WatchFlags: ${name}`, method: 'WatchFlags', pieces, headers: [['grpc-timeout', '700m']] },
  ...more,
});

const CHECKOUT = asked({ id: '1', flagKey: 'checkout', context: ANNA });
const WHOLE = watching({ definitions: {} });
const MALFORMED = envelope(Buffer.from([0x12, 0x7f]));
const TOO_LARGE = Buffer.from([0, 0x7f, 0xff, 0xff, 0xff]);

const CASES: readonly StreamCase[] = [
  asking('a flag', [CHECKOUT]),
  asking('nothing at all', []),
  asking('several, in one piece', [
    Buffer.concat([
      CHECKOUT,
      asked({ id: '18446744073709551615', flagKey: 'pricing', context: ANNA }),
      asked({ flagKey: 'nope' }),
      asked({ id: '3', flagKey: 'Not A Key' }),
      asked({ id: '4', flagKey: 'checkout', expectedType: 'FLAG_TYPE_STRING' }),
    ]),
  ]),
  asking(
    'several, byte by byte',
    [...Buffer.concat([CHECKOUT, CHECKOUT])].map((byte) => Buffer.of(byte)),
  ),
  asking('several pieces', [CHECKOUT, CHECKOUT.subarray(0, 3), CHECKOUT.subarray(3), CHECKOUT]),
  asking('an environment, and another one', [
    asked({ flagKey: 'checkout', environment: PRODUCTION }),
    CHECKOUT,
    asked({ flagKey: 'checkout', environment: 'projects/shop/environments/staging' }),
    CHECKOUT,
  ]),
  asking('a web key', [CHECKOUT, asked({ flagKey: 'pricing' })], { key: 'web' }),
  asking('an admin key without an environment', [CHECKOUT], { key: 'admin' }),
  asking('a message that is malformed, behind a good one', [CHECKOUT, MALFORMED, CHECKOUT]),
  asking('a good and a bad one in one piece', [Buffer.concat([CHECKOUT, MALFORMED])]),
  asking('the half of a message', [CHECKOUT, CHECKOUT.subarray(0, 7)]),
  asking('the half of an envelope', [CHECKOUT.subarray(0, 3)]),
  asking('gigabytes', [TOO_LARGE]),
  asking('too many attributes', [
    asked({
      flagKey: 'checkout',
      context: {
        attributes: Object.fromEntries(Array.from({ length: 2_000 }, (_, index) => [`a${index}`, index])),
      },
    }),
  ]),
  asking('a flag that says it is compressed', [envelope(CHECKOUT.subarray(5), { flags: 1 })]),
  asking('unknown flags', [envelope(CHECKOUT.subarray(5), { flags: 4 })]),
  asking('more than there is room for', [envelope(Buffer.alloc(MAX_BYTES + 1))]),
  asking('no key', [CHECKOUT], { key: 'none' }),
  asking('a wrong key', [CHECKOUT], { key: 'nonsense' }),
  asking('a revoked key', [CHECKOUT], { key: 'revoked' }),
  asking('no time', [CHECKOUT], { headers: [['grpc-timeout', '0m']] }),
  asking('a time that is none', [CHECKOUT], { headers: [['grpc-timeout', 'soon']], isLeft: true }),
  asking('a time that passes', [CHECKOUT], {
    headers: [['grpc-timeout', '300m']],
    change: { ending: 'open' },
  }),
  watch('definitions', [WHOLE]),
  watch('some definitions', [watching({ definitions: {}, flagKeys: ['checkout', 'nope'] })]),
  watch('decisions', [watching({ decisions: { context: ANNA } })]),
  watch('decisions, with a web key', [watching({ decisions: { context: ANNA } })], { key: 'web' }),
  watch('definitions, with a web key', [WHOLE], { key: 'web' }),
  watch('no view', [watching({})]),
  watch('a token that is none', [watching({ definitions: {}, resumeToken: 'nonsense' })]),
  watch('an environment that is not there', [
    watching({ definitions: {}, environment: 'projects/shop/environments/nope' }),
  ]),
  watch('an admin key', [watching({ definitions: {}, environment: PRODUCTION })], { key: 'admin' }),
  watch('no message', []),
  watch('two messages', [WHOLE, WHOLE]),
  watch('a malformed message', [MALFORMED]),
  watch('the half of a message', [WHOLE.subarray(0, 6)]),
  watch('gigabytes', [TOO_LARGE]),
  watch('no key', [WHOLE], { key: 'none' }),
  watch('a revoked key', [WHOLE], { key: 'revoked' }),
  watch('a request that does not end', [WHOLE.subarray(0, 4)], { change: { ending: 'open' } }),
  watch('no time', [WHOLE], { headers: [['grpc-timeout', '0n']] }),
];

let ports: TwoPorts;

beforeAll(async () => {
  ports = await openTwoPorts();
});

afterAll(async () => {
  await ports[Symbol.asyncDispose]();
});

function callOf(
  { method, pieces, key = 'server', headers = [], change }: StreamCase,
  { keys } = ports,
): RawCall {
  const token = key === 'nonsense' || key === 'none' ? 'nonsense' : keys[key];
  return {
    http: 2,
    path: `/vexil.v1.EvaluationService/${method}`,
    fields: [
      ['content-type', 'application/grpc'],
      ...(key === 'none' ? [] : [['authorization', `Bearer ${token}`] as const]),
      ...headers,
    ],
    pieces,
    ...change,
  };
}

async function outcome(port: Port, call: RawCall) {
  port.takeNotes();
  const reply = await exchange(port.port, call);
  await expect.poll(() => port.notes().calls.length).toBeGreaterThan(0);
  const { byLibrary, ...notes } = port.takeNotes();
  return { seen: { reply, notes }, byLibrary };
}

it.each(CASES)('answers alike on both paths: $name', async (stream: StreamCase) => {
  const call = callOf(stream);
  const [expected, actual] = await Promise.all([outcome(ports.slow, call), outcome(ports.fast, call)]);
  expect(actual.seen).toEqual(expected.seen);
  expect(actual.seen.notes.unforeseen).toEqual([]);
  expect(actual.byLibrary).toBe(stream.isLeft === true ? 1 : 0);
  expect(expected.byLibrary).toBe(1);
});

it.each([
  ['in one piece', [Buffer.concat([CHECKOUT, CHECKOUT, CHECKOUT, CHECKOUT])]],
  ['one by one, the last one malformed', [CHECKOUT, CHECKOUT, MALFORMED]],
  ['one by one', [CHECKOUT, CHECKOUT, CHECKOUT, CHECKOUT]],
])('answers alike on both paths: more messages than the key may send, %s', async (_, pieces) => {
  // The stream is a call as well.
  await using few = await openTwoPorts(3);
  const call = callOf({ name: '', method: 'EvaluateStream', pieces }, few);
  const [expected, actual] = await Promise.all([outcome(few.slow, call), outcome(few.fast, call)]);
  expect(actual.seen).toEqual(expected.seen);
  expect(actual.seen.reply.body).not.toBe('');
  const isMalformed = pieces.includes(MALFORMED);
  expect(actual.seen.notes.calls).toMatchObject([
    { status: isMalformed ? 'INVALID_ARGUMENT' : 'RESOURCE_EXHAUSTED' },
  ]);
  expect(actual.seen.notes.refusals).toHaveLength(isMalformed ? 0 : 1);
});

it.each(['EvaluateStream', 'WatchFlags'] as const)('notes alike who leaves a %s', async (method) => {
  const pieces = [method === 'WatchFlags' ? WHOLE : CHECKOUT];
  const call = callOf({ name: '', method, pieces, change: { ending: 'reset' } });
  const [expected, actual] = await Promise.all([outcome(ports.slow, call), outcome(ports.fast, call)]);
  expect(actual.seen.notes).toEqual(expected.seen.notes);
  expect(actual.byLibrary).toBe(0);
});

import { create, type DescMessage, type MessageInitShape, toBinary } from '@bufbuild/protobuf';
import { BinaryWriter, WireType } from '@bufbuild/protobuf/wire';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  EvaluateAllRequestSchema,
  EvaluateRequestSchema,
  EvaluateStreamRequestSchema,
  HandshakeRequestSchema,
} from '../../../gen/vexil/v1/evaluation_pb.ts';
import { readEvaluate, readHandshake } from '../../../src/rpc/wire/read-queries.ts';
import { WireError } from '../../../src/rpc/wire/wire-reader.ts';
import { createRandom } from '../../attacks/random.ts';
import { REQUEST_KINDS, type RequestKind, randomRequest } from '../../fuzz/random-request.ts';
import { readBoth } from './both-readers.ts';

describe('a request', () => {
  it('is read into what it asks for', () => {
    const context = {
      targetingKey: 'anna',
      attributes: { plan: 'pro', sizes: [1, { deep: null }], beta: true },
    };
    const message = create(EvaluateRequestSchema, {
      ...{ flagKey: 'checkout', context, expectedType: 2, explain: true, minRevision: 7n },
      environment: 'projects/shop/environments/production',
    });
    expect(readEvaluate(toBinary(EvaluateRequestSchema, message))).toEqual({
      ...{ flagKey: 'checkout', expectedType: 'string', explain: true, minRevision: 7 },
      context: { context, soundAttributes: 3 },
      environment: 'projects/shop/environments/production',
    });
  });

  it('may be empty', () => {
    expect(readHandshake(new Uint8Array())).toMatchObject({
      protocolVersion: 0,
      client: undefined,
      flagKeys: [],
    });
  });

  it('is read no further than the first attribute that is too many', () => {
    const attributes = Object.fromEntries(Array.from({ length: 10 }, (_, index) => [`a${index}`, index]));
    const message = toBinary(
      EvaluateRequestSchema,
      create(EvaluateRequestSchema, { context: { attributes } }),
    );
    expect(readEvaluate(message, 10).context.soundAttributes).toBe(10);
    const wrong = Uint8Array.from(Buffer.concat([message, Buffer.of(0x0f)]));
    expect(() => readEvaluate(wrong, 10)).toThrow(WireError);
    expect(() => readEvaluate(wrong, 9)).toThrow('context.attributes: more than 9');
  });

  it('leaves the engine and the next one as they were, whatever its attributes are called', () => {
    const attributes = JSON.parse('{"__proto__": {"polluted": true}, "constructor": 1, "toString": null}');
    const message = create(EvaluateRequestSchema, { context: { attributes } });
    const { context } = readEvaluate(toBinary(EvaluateRequestSchema, message)).context;
    expect(Object.keys(context.attributes)).toEqual(['__proto__', 'constructor', 'toString']);
    expect(Object.getPrototypeOf(context.attributes)).toBe(Object.prototype);
    expect(readEvaluate(new Uint8Array()).context.context.attributes).toEqual({});
    expect('polluted' in {}).toBe(false);
  });
});

/** A message of an EvaluateRequest's context, in pieces. */
const field = (number: number, content: Uint8Array) =>
  new BinaryWriter().tag(number, WireType.LengthDelimited).bytes(content).finish();
const joined = (...parts: Uint8Array[]) => Uint8Array.from(Buffer.concat(parts));
const utf8 = (content: string) => Buffer.from(content);
const attributesOf = (...entries: Uint8Array[]) =>
  field(2, joined(...entries.map((entry) => field(1, entry))));
const withValue = (...kinds: Uint8Array[]) =>
  field(2, attributesOf(joined(field(1, utf8('a')), field(2, joined(...kinds)))));
const listOf = (levels: number): Uint8Array =>
  levels === 0 ? utf8('') : field(6, field(1, listOf(levels - 1)));
const objectOf = (levels: number): Uint8Array =>
  levels === 0 ? utf8('') : field(5, field(1, field(2, objectOf(levels - 1))));

const groups = (levels: number) =>
  Uint8Array.from([...Array(levels).fill(0x9b), ...Array(levels).fill(0x9c)].flatMap((byte) => [byte, 0x01]));

describe('both readers agree about', () => {
  it.each<[string, Uint8Array, isRead: boolean]>([
    ['a context in two pieces', joined(field(2, field(1, utf8('x'))), withValue(field(3, utf8('y')))), true],
    [
      'attributes in two pieces',
      joined(withValue(field(3, utf8('x'))), withValue(field(3, utf8('y')))),
      true,
    ],
    ['a value in two pieces of the same kind', withValue(listOf(1), listOf(1), objectOf(1)), true],
    [
      'a value that is given twice',
      field(2, attributesOf(joined(field(2, listOf(1)), field(2, listOf(1))))),
      true,
    ],
    ['an entry with nothing in it', field(2, attributesOf(utf8(''))), true],
    ['an entry without a name', field(2, attributesOf(field(2, field(3, utf8('x'))))), true],
    ['a value without a kind', withValue(), true],
    ['lists as deep as JSON may be', withValue(listOf(31)), true],
    ['lists one deeper', withValue(listOf(32)), true],
    ['lists that are too deep for JSON', withValue(listOf(33)), true],
    ['lists as deep as messages may be', withValue(listOf(48)), true],
    ['lists deeper than messages may be', withValue(listOf(49)), false],
    ['objects as deep as JSON may be', withValue(objectOf(31)), true],
    ['objects one deeper', withValue(objectOf(32)), true],
    ['objects that are too deep for JSON', withValue(objectOf(33)), true],
    ['objects deeper than messages may be', withValue(objectOf(49)), false],
    ['a text that runs over the end of its message', Uint8Array.from([0x12, 2, 0x0a, 3, 97, 98, 99]), true],
    ['a number where a text should be', Uint8Array.from([0x08, 2, 97, 98]), true],
    ['an embedded message that is cut off', Uint8Array.from([0x12, 9, 0x0a, 1, 97]), false],
  ])('%s', (_, message, isRead) => {
    expect(readBoth('evaluate', message).isRead).toBe(isRead);
  });

  it.each<[string, messages: number, wrap: (group: Uint8Array) => Uint8Array, RequestKind]>([
    ['a request', 1, (group) => group, 'evaluate'],
    ['a context', 2, (group) => field(2, group), 'evaluate'],
    ['attributes', 3, (group) => field(2, field(2, group)), 'evaluate'],
    ['an entry', 3, (group) => field(2, attributesOf(group)), 'evaluate'],
    ['a value', 4, (group) => withValue(group), 'evaluate'],
    ['a list', 5, (group) => withValue(field(6, group)), 'evaluate'],
    ['an object in a value', 5, (group) => withValue(field(5, group)), 'evaluate'],
    ['a client', 2, (group) => field(2, group), 'handshake'],
    ['another request', 1, (group) => group, 'evaluateAll'],
    ['a request of a stream', 1, (group) => group, 'evaluateStream'],
  ])('groups in %s, which nest as deep as messages may', (_, messages, wrap, kind) => {
    expect(readBoth(kind, wrap(groups(100 - messages))).isRead).toBe(true);
    expect(readBoth(kind, wrap(groups(101 - messages))).isRead).toBe(false);
  });

  it('requests with anything in them, wrong or right', () => {
    const random = createRandom(20_260_301);
    const read = new Map<RequestKind, Set<boolean>>(REQUEST_KINDS.map((kind) => [kind, new Set()]));
    for (let index = 0; index < 30_000; index++) {
      const kind = random.pick(REQUEST_KINDS);
      read.get(kind)?.add(readBoth(kind, randomRequest(random, kind)).isRead);
    }
    expect([...read.values()].map(({ size }) => size)).toEqual([2, 2, 2, 2]);
  });

  it('requests that come in pieces, with unknown fields between them, and with bytes changed', () => {
    fc.assert(
      fc.property(requests, damages, ([kind, bytes], damage) => {
        readBoth(kind, bytes);
        readBoth(kind, damaged(bytes, damage));
      }),
      { numRuns: 2_000, seed: 20_260_301 },
    );
  });
});

const names = fc.oneof(
  fc.constantFrom('plan', '__proto__', '0', ''),
  fc.string({ unit: 'grapheme', maxLength: 40 }),
);
const json = fc.letrec((tie) => ({
  value: fc.oneof(
    { depthSize: 'small' },
    fc.constantFrom(null, true, false),
    fc.double(),
    names,
    fc.array(tie('value'), { maxLength: 3 }),
    fc.dictionary(names, tie('value'), { maxKeys: 3, noNullPrototype: true }),
  ),
})).value;
const optional = { requiredKeys: [] as never[], noNullPrototype: true };
const contexts = fc.record(
  { targetingKey: names, attributes: fc.dictionary(names, json, { maxKeys: 4, noNullPrototype: true }) },
  optional,
);
const revision = fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n });
const expectedType = fc.integer({ min: -1, max: 6 });
const flagKeys = fc.array(names, { maxLength: 3 });

/** What concatenated pieces say is what all of them say together. */
function pieces<Desc extends DescMessage>(
  kind: RequestKind,
  schema: Desc,
  fields: Readonly<Record<string, fc.Arbitrary<unknown>>>,
): fc.Arbitrary<readonly [RequestKind, Uint8Array]> {
  const piece = fc
    .record(fields, optional)
    .map((content) => toBinary(schema, create(schema, content as MessageInitShape<Desc>)));
  return fc
    .array(fc.oneof({ weight: 4, arbitrary: piece }, { weight: 1, arbitrary: unknownFields }), {
      maxLength: 5,
    })
    .map((parts) => [kind, joined(...parts)]);
}

const unknownFields: fc.Arbitrary<Uint8Array> = fc
  .tuple(
    fc.integer({ min: 20, max: 2 ** 29 - 1 }),
    fc.constantFrom(0, 1, 2, 3, 5),
    fc.uint8Array({ maxLength: 20 }),
  )
  .map(([number, type, content]) => {
    const writer = new BinaryWriter().tag(number, type);
    if (type === 0) return writer.uint32(content.length).finish();
    if (type === 2) return writer.bytes(content).finish();
    if (type === 3) return writer.tag(3, 2).bytes(content).tag(number, 4).finish();
    return writer.raw(new Uint8Array(type === 1 ? 8 : 4)).finish();
  });

const requests = fc.oneof(
  pieces('evaluate', EvaluateRequestSchema, {
    ...{ flagKey: names, context: contexts, expectedType, explain: fc.boolean(), minRevision: revision },
    environment: names,
  }),
  pieces('evaluateAll', EvaluateAllRequestSchema, {
    ...{ context: contexts, flagKeys, minRevision: revision, environment: names },
  }),
  pieces('handshake', HandshakeRequestSchema, {
    ...{ protocolVersion: fc.nat(), client: fc.record({ name: names, version: names }, optional), flagKeys },
    ...{ context: contexts, etag: names, minRevision: revision, environment: names },
  }),
  pieces('evaluateStream', EvaluateStreamRequestSchema, {
    ...{ id: fc.bigInt({ min: 0n, max: 2n ** 64n - 1n }), flagKey: names, context: contexts },
    ...{ expectedType, environment: names },
  }),
);

const damages = fc.record({
  bytes: fc.array(fc.tuple(fc.nat(400), fc.nat(255)), { maxLength: 3 }),
  end: fc.option(fc.nat(400), { nil: undefined }),
});

function damaged(
  bytes: Uint8Array,
  damage: { bytes: [number, number][]; end: number | undefined },
): Uint8Array {
  const copy = bytes.slice(0, damage.end);
  for (const [at, byte] of damage.bytes) if (at < copy.length) copy[at] = byte;
  return copy;
}

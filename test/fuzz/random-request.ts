import type { Random } from '../attacks/random.ts';
import { mutateBytes } from '../attacks/random-message.ts';

/**
 * Requests of EvaluationService as bytes that are mostly right: fields in any order, several times, of numbers and types
 * that are not known, with lengths that are a little off; and what is left of such messages when bytes are changed.
 */

type Make = (random: Random, depth: number) => Buffer;
/** The fields of a message by their numbers. Each makes all that follows its number: wire type and content. */
type Shape = ReadonlyMap<number, readonly [wireType: number, make: Make]>;

const TEXTS = [
  ...[
    '',
    'a',
    'plan',
    'pro',
    'country',
    'DE',
    'flag-1',
    'flag-2',
    'no-such-flag',
    'anna',
    '__proto__',
    'constructor',
  ],
  ...[
    'toString',
    '0',
    '7',
    '4294967295',
    'é',
    '日本語',
    '\u{1f600}',
    '\ufeffbom',
    '\ufffd',
    'x\ufffdy',
    'a\0b',
  ],
  ...['projects/shop/environments/production', 'projects/shop/environments/staging', '*', 'device.os'],
  ...[23, 24, 25, 31, 32, 33, 127, 128, 300].map((length) => 'abcdefghij'.repeat(30).slice(0, length)),
  ...['ü'.repeat(12), 'ü'.repeat(16), `${'a'.repeat(31)}é`, 'ä'.repeat(70)],
].map((text) => Buffer.from(text));

/** Cut off, overlong, half of a surrogate pair, out of range, and no beginning. */
const NOT_UTF8 = [
  [0xc3],
  [0x61, 0xe2, 0x82],
  [0xc0, 0x80],
  [0xed, 0xa0, 0x80],
  [0xf4, 0x90, 0x80, 0x80],
  [0x80],
].map((bytes) => Buffer.from(bytes));

const DOUBLES = [
  ...[0, -0, 1, 42, -1.5, 0.1, 1e300, 5e-324, 2 ** 53, Number.NaN],
  ...[Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY],
];

const INTEGERS = [
  ...[0n, 1n, 2n, 3n, 5n, 127n, 128n, 16_383n, 16_384n, 2n ** 28n, 2n ** 31n, 2n ** 32n - 1n, 2n ** 32n],
  ...[2n ** 35n, 2n ** 53n - 1n, 2n ** 53n, 2n ** 63n - 1n, 2n ** 63n, 2n ** 64n - 1n, 2n ** 64n - 2n ** 32n],
];

/** About where JSON ends, and where messages end, for values in attributes. */
const DEPTHS = [30, 46];

/** What nests is told where to stop. */
const DEEP_ENOUGH = 5;

const context = embedded(
  new Map([
    [1, [2, text]],
    [2, [2, embedded(new Map([[1, [2, entry]]]))]],
  ]),
);

const SHAPES: Readonly<Record<RequestKind, Shape>> = {
  evaluate: new Map<number, readonly [number, Make]>([
    [1, [2, text]],
    [2, [2, context]],
    [3, [0, integer]],
    [4, [0, integer]],
    [5, [0, integer]],
    [6, [2, text]],
  ]),
  evaluateAll: new Map<number, readonly [number, Make]>([
    [1, [2, context]],
    [2, [2, text]],
    [3, [0, integer]],
    [4, [2, text]],
  ]),
  handshake: new Map<number, readonly [number, Make]>([
    [1, [0, integer]],
    [
      2,
      [
        2,
        embedded(
          new Map([
            [1, [2, text]],
            [2, [2, text]],
          ]),
        ),
      ],
    ],
    [3, [2, context]],
    [4, [2, text]],
    [5, [2, text]],
    [6, [0, integer]],
    [7, [2, text]],
  ]),
  evaluateStream: new Map<number, readonly [number, Make]>([
    [1, [0, integer]],
    [2, [2, text]],
    [3, [2, context]],
    [4, [0, integer]],
    [5, [2, text]],
  ]),
};

export type RequestKind = 'evaluate' | 'evaluateAll' | 'handshake' | 'evaluateStream';
export const REQUEST_KINDS = ['evaluate', 'evaluateAll', 'handshake', 'evaluateStream'] as const;

/** One message, as somebody might send it by accident or on purpose. */
export function randomRequest(random: Random, kind: RequestKind): Buffer {
  const message = fields(random, SHAPES[kind], 0);
  if (random.oneIn(4)) return mutateBytes(random, message);
  if (random.oneIn(20)) return splice(random, message, fields(random, SHAPES[random.pick(REQUEST_KINDS)], 0));
  if (random.oneIn(20)) return message.subarray(0, random.whole(message.length + 1));
  return message;
}

function fields(random: Random, shape: Shape, depth: number): Buffer {
  const numbers = [...shape.keys()];
  const made: Buffer[] = [];
  for (let left = random.whole(random.oneIn(10) ? 12 : 4) + 1; left > 0; left--) {
    if (random.oneIn(40)) made.push(unknownField(random, depth));
    else made.push(knownField(random, shape, random.pick(numbers), depth));
  }
  return Buffer.concat(made);
}

function knownField(random: Random, shape: Shape, number: number, depth: number): Buffer {
  const [wireType, make] = shape.get(number) ?? [2, text];
  const said = random.oneIn(60) ? random.whole(8) : wireType;
  const payload = random.oneIn(80) ? random.bytes(random.whole(12)) : make(random, depth);
  return Buffer.concat([tag(random, number, said), payload]);
}

function unknownField(random: Random, depth: number): Buffer {
  const number = random.pick([0, 3, 7, 9, 15, 16, 99, 2_047, 2_048, 2 ** 29 - 1]);
  switch (random.whole(8)) {
    case 0:
      return Buffer.concat([tag(random, number, 0), varint(random, random.pick(INTEGERS), random.whole(14))]);
    case 1:
      return Buffer.concat([tag(random, number, 1), random.bytes(8)]);
    case 2:
      return Buffer.concat([tag(random, number, 2), delimited(random, random.bytes(random.whole(20)))]);
    case 3:
      return Buffer.concat([tag(random, number, 5), random.bytes(4)]);
    case 4:
    case 5:
      return group(random, number, random.oneIn(3) ? 90 + random.whole(12) : random.whole(4), depth);
    case 6:
      return tag(random, number, 4);
    default:
      return tag(random, number, random.whole(8));
  }
}

function group(random: Random, number: number, levels: number, depth: number): Buffer {
  const inside = levels > 0 ? group(random, number, levels - 1, depth) : Buffer.alloc(0);
  const beside = levels < 4 && random.oneIn(3) ? unknownField(random, depth) : Buffer.alloc(0);
  const ended = random.oneIn(30) ? number + 1 : number;
  return Buffer.concat([tag(random, number, 3), inside, beside, tag(random, ended, 4)]);
}

/** An entry of the map in a Struct. */
function entry(random: Random, depth: number): Buffer {
  const made: Buffer[] = [];
  if (!random.oneIn(20)) made.push(tag(random, 1, 2), text(random));
  if (!random.oneIn(20)) made.push(tag(random, 2, 2), value(random, depth + 1));
  if (random.oneIn(30)) made.push(tag(random, 2, 2), value(random, depth + 1));
  if (random.oneIn(30)) made.push(unknownField(random, depth));
  if (random.oneIn(10)) made.reverse();
  return delimited(random, Buffer.concat(made));
}

function value(random: Random, depth: number): Buffer {
  if (depth < 10 && random.oneIn(60)) return deepValue(random, random.pick(DEPTHS) + random.whole(4));
  const made: Buffer[] = [];
  for (let left = random.oneIn(20) ? random.whole(3) : 1; left > 0; left--) made.push(kind(random, depth));
  if (random.oneIn(60)) made.push(unknownField(random, depth));
  return delimited(random, Buffer.concat(made));
}

function kind(random: Random, depth: number): Buffer {
  switch (random.whole(depth > DEEP_ENOUGH ? 4 : 6)) {
    case 0:
      return Buffer.concat([tag(random, 1, 0), integer(random)]);
    case 1: {
      const number = Buffer.alloc(8);
      number.writeDoubleLE(random.pick(DOUBLES));
      return Buffer.concat([tag(random, 2, 1), number]);
    }
    case 2:
      return Buffer.concat([tag(random, 3, 2), text(random)]);
    case 3:
      return Buffer.concat([tag(random, 4, 0), integer(random)]);
    case 4:
      return Buffer.concat([tag(random, 5, 2), embedded(new Map([[1, [2, entry]]]))(random, depth)]);
    default:
      return Buffer.concat([tag(random, 6, 2), embedded(new Map([[1, [2, value]]]))(random, depth)]);
  }
}

/** Lists and objects in each other, so many. */
function deepValue(random: Random, levels: number): Buffer {
  let inner = delimited(random, random.oneIn(2) ? unknownField(random, 0) : Buffer.from([0x20, 0x01]));
  for (let level = 0; level < levels; level++) {
    const isList = random.oneIn(2);
    const entryOf = (content: Buffer) => delimited(random, Buffer.concat([Buffer.from([0x12]), content]));
    const item = delimited(random, Buffer.concat([Buffer.from([0x0a]), isList ? inner : entryOf(inner)]));
    inner = delimited(random, Buffer.concat([tag(random, isList ? 6 : 5, 2), item]));
  }
  return inner;
}

function embedded(shape: Shape): Make {
  return (random, depth) => delimited(random, fields(random, shape, depth + 1));
}

function text(random: Random): Buffer {
  if (random.oneIn(150)) return delimited(random, random.pick(NOT_UTF8));
  return delimited(random, random.oneIn(10) ? random.bytes(random.whole(6)) : random.pick(TEXTS));
}

function integer(random: Random): Buffer {
  return varint(random, random.pick(INTEGERS), random.oneIn(20) ? random.whole(12) : 0);
}

/** A length and as many bytes; sometimes a few more or less. */
function delimited(random: Random, bytes: Buffer): Buffer {
  const off = random.oneIn(150) ? random.whole(7) - 3 : 0;
  return Buffer.concat([varint(random, BigInt(Math.max(0, bytes.length + off)), 0), bytes]);
}

function tag(random: Random, number: number, wireType: number): Buffer {
  const padding = random.oneIn(100) ? random.whole(8) : 0;
  return varint(random, (BigInt(number) << 3n) | BigInt(wireType), padding);
}

/** With so many bytes too much, which say nothing. */
function varint(random: Random, number: bigint, padding: number): Buffer {
  const bytes: number[] = [];
  let rest = number;
  do {
    bytes.push(Number(rest & 0x7fn) | 0x80);
    rest >>= 7n;
  } while (rest > 0n);
  for (let left = padding; left > 0; left--) bytes.push(0x80);
  // In most cases it ends.
  if (!random.oneIn(500)) bytes.push((bytes.pop() ?? 0) & 0x7f);
  return Buffer.from(bytes);
}

function splice(random: Random, one: Buffer, other: Buffer): Buffer {
  const [end, start] = [random.whole(one.length + 1), random.whole(other.length + 1)];
  return Buffer.concat([one.subarray(0, end), other.subarray(start)]);
}

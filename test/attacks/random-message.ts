import {
  create,
  type DescField,
  type DescMessage,
  fromJson,
  type JsonValue,
  type Message,
  ScalarType,
} from '@bufbuild/protobuf';
import type { Random } from './random.ts';

/** What no code may take for anything but text. */
const HOSTILE = [
  ...['__proto__', 'constructor', 'prototype', 'toString', 'hasOwnProperty', '../..', '$where', '{"$gt":""}'],
  ...['^(a+)+$', '(?=x)', 'a\0b', 'a\r\nb', '\u202e', '\u{1f600}', 'x'.repeat(5_000)],
];

/** What else the strings of messages are made of: names of things that are there or could be. */
const TEXTS = [
  ...['', 'a', 'fuzz', 'checkout', 'flag-1', 'flag-2', 'on', 'off', 'production', 'staging', 'rollout', '*'],
  ...['projects/fuzz', 'projects/fuzz/environments/production', 'projects/fuzz/flags/flag-1', '_system', 'é'],
  ...['projects/fuzz/environments/production/flags/flag-1', 'projects/fuzz/segments/segment-1', 'segment-1'],
  ...['projects/fuzz/releases/release-1', 'release-1', 'projects/fuzz/keys/x', 'projects/fuzz/revisions/999'],
  ...[
    'projects/_system',
    'projects/fuzz/environments/x',
    '1.2.3',
    '10.0.0.0/8',
    '2030-01-01T00:00:00Z',
    '"1"',
  ],
];

/** What makes sense in a field of this name, for calls that are to get further than the door. */
const FITTING = new Map([
  ['parent', ['projects/fuzz', 'projects/fuzz/flags/flag-1', 'projects/fuzz/environments/production']],
  ['environment', ['projects/fuzz/environments/production']],
  ['flag_key', ['flag-1', 'flag-2']],
  ['flag_keys', ['flag-1', 'flag-2']],
  ['flag', ['flag-1', 'flag-2']],
  ['variation', ['on', 'off']],
  ['variations', ['on', 'off']],
  ['default_variation', ['on', 'off']],
  ['rule_id', ['rollout', 'rule-1']],
  ['id', ['rollout', 'rule-1']],
  ['segments', ['segment-1']],
  ['etag', ['']],
  ['page_token', ['']],
  ['resume_token', ['']],
  ['idempotency_key', ['', 'once', 'twice']],
  ['flag_id', ['flag-1', 'flag-2', 'flag-3']],
  ['segment_id', ['segment-1', 'segment-2']],
  ['release_id', ['release-1', 'release-2']],
  ['environment_id', ['production', 'other']],
  ['project_id', ['fuzz', 'fuzz-2']],
  ['attribute', ['a', 'plan', 'targeting_key']],
  ['targeting_key', ['', 'user-1']],
  ['targeting_keys', ['user-1', 'user-2']],
  ['reason', ['', 'because']],
  ['salt', ['', 'salt']],
  ['bucket_by', ['', 'a']],
]);

/** What a message of this type is likely to be named after. */
const NAMES: readonly [RegExp, string][] = [
  [
    /Settings|Enable|Disable|Halt|Resume|Rule|Rollout|Target|Prerequisite|Scheduled/,
    'projects/fuzz/environments/production/flags/flag-1',
  ],
  [/Flag|Variation/, 'projects/fuzz/flags/flag-1'],
  [/Segment/, 'projects/fuzz/segments/segment-1'],
  [/Release/, 'projects/fuzz/releases/release-1'],
  [/Environment/, 'projects/fuzz/environments/other'],
  [/Revision|History/, 'projects/fuzz/revisions/1'],
  [/EvaluateAt/, 'projects/fuzz/environments/production'],
  // Not the one that all the others are in: it might be put away.
  [/Project/, 'projects/fuzz-2'],
];

const NUMBERS = [0, 1, -1, 2, 50, 50_000, 100_000, 100_001, 2 ** 31 - 1, -(2 ** 31)];
const DOUBLES = [
  0,
  -0,
  1.5,
  Number.NaN,
  Number.POSITIVE_INFINITY,
  Number.NEGATIVE_INFINITY,
  5e-324,
  1.7e308,
  2 ** 53,
];
const BIG = [0n, 1n, -1n, 2n ** 53n, 2n ** 63n - 1n, -(2n ** 63n)];
const DEEPEST = 6;

/** A message of this type with most of its own fields and half of those below set, to values that are likely to mean something. */
export function randomMessage(random: Random, desc: DescMessage, depth = 0): Message {
  const json = wellKnownJson(random, desc, depth);
  if (json !== undefined) return fromJson(desc, json);
  const chosen = new Map<string, unknown>();
  for (const member of desc.members) {
    const isNeeded = depth === 0 && random.whole(10) > 0;
    if (depth > DEEPEST || (!isNeeded && random.oneIn(2))) continue;
    if (member.kind === 'oneof') {
      const field = random.pick(member.fields);
      chosen.set(member.localName, { case: field.localName, value: randomValue(random, field, depth) });
    } else chosen.set(member.localName, randomValue(random, member, depth));
  }
  return create(desc, Object.fromEntries(chosen));
}

function randomValue(random: Random, field: DescField, depth: number): unknown {
  switch (field.fieldKind) {
    case 'scalar':
      return scalarFor(random, field, field.scalar);
    case 'enum':
      return random.oneIn(5) ? random.whole(200) : random.pick(field.enum.values).number;
    case 'message':
      return randomMessage(random, field.message, depth + 1);
    case 'list':
      return Array.from({ length: random.whole(4) }, () => {
        if (field.listKind === 'message') return randomMessage(random, field.message, depth + 1);
        return field.listKind === 'enum'
          ? random.pick(field.enum.values).number
          : scalarFor(random, field, field.scalar);
      });
    case 'map':
      return Object.fromEntries(
        Array.from({ length: random.whole(4) }, () => [random.pick(HOSTILE), random.pick(TEXTS)]),
      );
  }
}

function scalarFor(random: Random, field: DescField, type: ScalarType): unknown {
  if (field.name === 'min_revision' && !random.oneIn(8)) return random.pick([0n, 1n]);
  return type === ScalarType.STRING ? randomText(random, field) : randomScalar(random, type);
}

function randomText(random: Random, { name, parent }: DescField): string {
  if (random.oneIn(8)) return random.pick(random.oneIn(2) ? HOSTILE : TEXTS);
  const named = name === 'name' ? NAMES.find(([pattern]) => pattern.test(parent.name))?.[1] : undefined;
  return named ?? random.pick(FITTING.get(name) ?? TEXTS);
}

function randomScalar(random: Random, type: ScalarType): unknown {
  switch (type) {
    case ScalarType.STRING:
      return random.pick(TEXTS);
    case ScalarType.BYTES:
      return random.bytes(random.whole(40));
    case ScalarType.BOOL:
      return random.oneIn(2);
    case ScalarType.DOUBLE:
    case ScalarType.FLOAT:
      return random.pick(DOUBLES);
    case ScalarType.INT32:
    case ScalarType.SINT32:
    case ScalarType.SFIXED32:
      return random.pick(NUMBERS);
    case ScalarType.UINT32:
    case ScalarType.FIXED32:
      return Math.abs(random.pick(NUMBERS));
    case ScalarType.UINT64:
    case ScalarType.FIXED64:
      return random.pick(BIG.filter((value) => value >= 0n));
    default:
      return random.pick(BIG);
  }
}

function wellKnownJson(random: Random, desc: DescMessage, depth: number): JsonValue | undefined {
  switch (desc.typeName) {
    case 'google.protobuf.Struct':
      return Object.fromEntries(
        Array.from({ length: random.whole(4) }, () => [random.pick(HOSTILE), randomJson(random, depth + 1)]),
      );
    case 'google.protobuf.Value':
      return randomJson(random, depth + 1);
    case 'google.protobuf.Timestamp':
      return random.pick([
        '2030-01-01T00:00:00Z',
        '0001-01-01T00:00:00Z',
        '9999-12-31T23:59:59.999999999Z',
        '2020-06-01T00:00:00.5Z',
      ]);
    case 'google.protobuf.FieldMask':
      return random.pick(['', 'displayName', 'description,tags', 'rules', 'nope', 'a.b.c', 'allowedOrigins']);
    default:
      return undefined;
  }
}

function randomJson(random: Random, depth: number): JsonValue {
  switch (random.whole(depth > DEEPEST ? 4 : 6)) {
    case 0:
      return random.pick(TEXTS);
    case 1:
      return random.pick(DOUBLES.filter(Number.isFinite));
    case 2:
      return random.oneIn(2);
    case 3:
      return null;
    case 4:
      return Array.from({ length: random.whole(4) }, () => randomJson(random, depth + 1));
    default:
      return Object.fromEntries(
        Array.from({ length: random.whole(4) }, () => [random.pick(HOSTILE), randomJson(random, depth + 1)]),
      );
  }
}

/** Some of the bytes flipped, cut out, doubled, put in, or cut off. */
export function mutateBytes(random: Random, bytes: Uint8Array): Buffer {
  let mutated = Buffer.from(bytes);
  for (let round = random.whole(4) + 1; round > 0; round--) {
    const at = random.whole(mutated.length + 1);
    const length = random.whole(20);
    const [head, tail] = [mutated.subarray(0, at), mutated.subarray(at)];
    switch (random.whole(5)) {
      case 0:
        if (at < mutated.length) mutated[at] = random.whole(256);
        break;
      case 1:
        mutated = Buffer.concat([head, tail.subarray(length)]);
        break;
      case 2:
        mutated = Buffer.concat([head, tail.subarray(0, length), tail]);
        break;
      case 3:
        mutated = Buffer.concat([head, random.bytes(length), tail]);
        break;
      case 4:
        mutated = Buffer.from(head);
        break;
    }
  }
  return mutated;
}

const MEMBERS = [
  ...[
    '"__proto__":{"polluted":true}',
    '"constructor":{"prototype":{"polluted":true}}',
    '"toString":null',
    '"hasOwnProperty":1',
  ],
  ...[
    '"name":{"$gt":""}',
    '"":""',
    '"a":1e400',
    '"flagKey":"\\ud800"',
    '"x":99999999999999999999',
    '"context":[]',
    '"options":null',
  ],
];

/** JSON text with members put into its objects, values exchanged, brackets nested, or characters changed. */
export function mutateJson(random: Random, text: string): string {
  const opening = [...text.matchAll(/\{/g)].map(({ index }) => index + 1);
  const at = opening.length === 0 ? 0 : random.pick(opening);
  const comma = /^\s*\}/.test(text.slice(at)) ? '' : ',';
  const depth = random.pick([10, 70, 1_000, 20_000]);
  switch (random.whole(6)) {
    case 0:
    case 1:
      return `${text.slice(0, at)}${random.pick(MEMBERS)}${comma}${text.slice(at)}`;
    case 2:
      return `${text.slice(0, at)}"deep":${'['.repeat(depth)}${']'.repeat(depth)}${comma}${text.slice(at)}`;
    case 3: {
      const member = /^[^{}[\],]*,/.exec(text.slice(at))?.[0] ?? '';
      return text.slice(0, at) + member + text.slice(at);
    }
    case 4:
      return text.replace(
        /:("[^"]*"|\d+|true|false)/,
        `:${random.pick(['null', '{}', '[]', '1', '""', 'NaN', '-', '{"$ne":1}'])}`,
      );
    default:
      return mutateBytes(random, Buffer.from(text)).toString('latin1');
  }
}

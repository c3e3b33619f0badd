import { createHash } from 'node:crypto';
import { canonicalJson } from '../../src/core/canonical-json.ts';
import type { Change, Head, ObjectState } from '../../src/core/change.ts';
import type { Flag, Json } from '../../src/core/model.ts';

const EPOCH_MS = Date.UTC(2026, 0, 1);

/** An instant that many seconds into 2026. */
export function secondsIn(seconds: number): string {
  return new Date(EPOCH_MS + seconds * 1_000).toISOString();
}

/** Strings that only a comparison by code points tells apart, or that mean something to some store. */
export const CONFUSABLE = [
  'key',
  'Key',
  'KEY',
  'key ',
  ' key',
  'key\u200b',
  'key\u0000',
  'key\u0000a',
  'k\u00e9y',
  'ke\u0301y',
  '\uff4b\uff45\uff59',
  'ss',
  '\u00df',
  'i',
  '\u0131',
  'I',
  '\u0130',
  '\u00c5',
  '\u212b',
  'A\u030a',
  '\u{1d54f}',
  '\uffff',
  '%',
  '_',
  '*',
  '$key',
  'key.a',
  '{"$gt":""}',
  '$where',
  '.',
  '__proto__',
  'constructor',
  "'; --",
  '10',
  '9',
  '010',
  '1e1',
];

/** Values at the edges of what JSON and Unicode hold. */
export const EXTREMES: Json = {
  texts: [
    '',
    ' ',
    '\u0000',
    '\u0001\u001f\u007f\u0080',
    '"\\/\b\f\n\r\t',
    '\u2028\u2029\ufeff',
    '\uffff',
    '\u{10ffff}',
    '\ud83d',
    '\ude00 alone',
    ...CONFUSABLE,
  ],
  numbers: [
    0,
    -1,
    0.1,
    1e21,
    1e-7,
    5e-324,
    Number.MAX_VALUE,
    -Number.MAX_VALUE,
    Number.MAX_SAFE_INTEGER,
    2 ** 63,
  ],
  empty: [[], {}, [[]], [{}], null, false],
  names: Object.fromEntries(CONFUSABLE.map((name) => [name, name])),
  order: { b: 1, a: 2, 10: 3, 9: 4 },
  depth: nested(400),
  '': { '': { '': '' } },
};

function nested(levels: number): Json {
  return levels === 0 ? {} : { in: [nested(levels - 2)] };
}

/** A flag that holds a value. */
export function flag(key: string, value: Json = true): Flag {
  return {
    key,
    name: key,
    description: '',
    tags: [],
    owner: '',
    type: 'json',
    variations: [{ key: 'only', value }],
    defaultVariation: 'only',
    status: 'active',
    clientVisible: false,
    temporary: false,
    createdAt: secondsIn(0),
    updatedAt: secondsIn(0),
  };
}

export function flagObject(key: string, value: Json = true): ObjectState {
  return { kind: 'flag', state: flag(key, value) };
}

/** A change that follows on `after`, or the first of the project, with `parts` in place of what it would have. */
export function changeAfter(project: string, after: Head | undefined, parts: Partial<Change> = {}): Change {
  const revision = (after?.revision ?? 0) + 1;
  const unsigned = {
    format: 1,
    project,
    revision,
    action: 'flag.update',
    actor: 'key:test',
    reason: '',
    time: secondsIn(revision),
    idempotencyKey: `request-${revision}`,
    requestDigest: 'digest',
    operations: [{ op: 'put', object: flagObject('banner', revision) }],
    previousHash: after?.hash ?? '',
    ...parts,
  } as const;
  const hash = createHash('sha256').update(canonicalJson(unsigned)).digest('hex');
  return { ...unsigned, hash };
}

/** The first `count` changes of a project; `partsOf` is asked for what each is to have of its own. */
export function chain(
  project: string,
  count: number,
  partsOf: (revision: number) => Partial<Change> = () => ({}),
): Change[] {
  const changes: Change[] = [];
  for (let revision = 1; revision <= count; revision++)
    changes.push(changeAfter(project, changes.at(-1), partsOf(revision)));
  return changes;
}

export function headOf(change: Change): Head {
  return { project: change.project, revision: change.revision, hash: change.hash };
}

/** In code point order, by a way of its own: as UTF-8 bytes compare. */
export function inCodePointOrder(texts: readonly string[]): string[] {
  return [...texts].sort((a, b) => Buffer.compare(Buffer.from(a), Buffer.from(b)));
}

import { deflateRawSync } from 'node:zlib';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import {
  type BatchContent,
  batchId,
  decodeBatch,
  encodeBatch,
  encodeTables,
} from '../../../src/app/exposures/batch-text.ts';
import type { JsonObject } from '../../../src/core/model.ts';
import {
  BATCH_LIMITS,
  type BatchTables,
  HOUR_MS,
  type OutcomeEntry,
} from '../../../src/ports/batch-tables.ts';
import { ROW_BYTES, type Row, rowsText, writeRow } from '../../../src/ports/row-text.ts';
import { batchContent, HOUR, PROCESS, recordedEvaluation } from './batches.ts';

const well = (max: number) => fc.string({ unit: 'binary', maxLength: max });
const key = fc.stringMatching(/^[a-z][a-z0-9-]{0,20}$/);
const count = fc.integer({ min: 1, max: 2 ** 40 });
const time = fc.integer({ min: HOUR * HOUR_MS, max: HOUR * HOUR_MS + HOUR_MS - 1 });
const finite = fc.double({ noNaN: true, noDefaultInfinity: true }).map((value) => value + 0);

const evaluation = fc.record(
  {
    time,
    flag: key,
    flagVersion: fc.nat(),
    revision: fc.nat(),
    variation: fc.oneof(fc.constant(''), key),
    reason: fc.constantFrom('DEFAULT' as const, 'SPLIT' as const, 'ERROR' as const),
    errorCode: fc.constantFrom('TYPE_MISMATCH' as const, 'GENERAL' as const),
    ruleId: fc.oneof(fc.constant(''), key),
    subject: well(40),
    source: fc.constantFrom('call' as const, 'all' as const, 'manual' as const),
    client: well(20),
    count,
    weight: fc.constantFrom(1, 2, 4, 1.5),
  },
  {
    requiredKeys: [
      ...(['time', 'flag', 'flagVersion', 'revision', 'variation', 'reason', 'ruleId', 'subject'] as const),
      ...(['source', 'client', 'count', 'weight'] as const),
    ],
  },
);
const event = fc.record(
  {
    time,
    event: key,
    kind: fc.constantFrom('metric' as const, 'error' as const, 'crash' as const),
    subject: well(40),
    flag: key,
    value: finite,
    count,
  },
  { requiredKeys: ['time', 'event', 'kind', 'subject', 'count'] },
);
const context = fc.record({
  subject: well(40),
  attributes: fc.dictionary(well(10), fc.oneof(well(10), finite, fc.boolean())).map(asJsonObject),
  seenAt: fc.nat(),
});
const loss = fc.record(
  { reason: fc.constantFrom('sampled' as const, 'buffer_full' as const), units: fc.nat(), sequence: count },
  { requiredKeys: ['reason', 'units'] },
);
const content: fc.Arbitrary<BatchContent> = fc.record({
  process: fc.uuid(),
  sequence: count,
  place: fc.record({ project: key, environment: key }),
  hour: fc.constant(HOUR),
  acceptedSoFar: fc.nat(),
  evaluations: fc.array(evaluation, { maxLength: 30 }),
  events: fc.array(event, { maxLength: 10 }),
  contexts: fc.array(context, { maxLength: 5 }),
  losses: fc.array(loss, { maxLength: 3 }),
});

test('what is read is what was written, counted', () => {
  fc.assert(
    fc.property(content, (batch) => {
      const id = batchId(batch.process, batch.sequence);
      const { digest, units, ...read } = decodeBatch(encodeBatch(batch), id);
      expect(read).toEqual({ ...batch, id });
      expect(units).toBe([...batch.evaluations, ...batch.events].reduce((sum, { count: n }) => sum + n, 0));
      expect(digest).toMatch(/^[0-9a-f]{64}$/);
    }),
  );
});

test('the same content gives the same bytes, and other bytes another digest', () => {
  const one = encodeBatch(batchContent({ evaluations: [recordedEvaluation()] }));
  expect(encodeBatch(batchContent({ evaluations: [recordedEvaluation()] }))).toEqual(one);
  const other = encodeBatch(batchContent({ evaluations: [recordedEvaluation({ subject: 'someone' })] }));
  expect(digestOf(other)).not.toBe(digestOf(one));
});

test.each([false, true])(
  'a list of outcomes and the picks of it become one evaluation each (packed: %s)',
  (isPacked) => {
    const tables = tablesWith({
      lists: [isPacked ? packed(LIST) : LIST],
      picks: [
        [0, ''],
        [0, '2'],
        [0, '02'],
      ],
      rows: rowsOf([5, 0, 0, -1], [2, 0, 1, -2], [-7, 0, 0, 1], [0, 0, 1, -3]),
      many: [1, 3, 2],
    });
    const { evaluations, units } = decodeBatch(encodeTables(tables), `${PROCESS}:1`);
    expect(
      evaluations.map(({ time: at, subject, flag, variation, count: n, weight }) => [
        ...[at - HOUR * HOUR_MS, subject, flag, variation, n, weight],
      ]),
    ).toEqual([
      [5, 'ann', 'a', 'on', 1, 1],
      [5, 'ann', 'b', 'on', 1, 1],
      [7, 'bob', 'a', 'on', 3, 2],
      [7, 'bob', 'b', 'off', 3, 2],
      [0, 'ann', 'b', 'on', 1, 1],
      [0, 'bob', 'a', 'on', 1, 1],
    ]);
    expect(units).toBe(10);
  },
);

describe('a batch that nobody could have made', () => {
  test.each<[string, Partial<Record<keyof BatchTables, unknown>>]>([
    ['of another format', { format: 3 }],
    ['under another name', { sequence: 2 }],
    ['with a negative hour', { hour: -1 }],
    ['with an hour beyond all numbers', { hour: 1e15 }],
    ['with half a row', { rows: rowsText(Uint8Array.of(0, 0, 0)) }],
    [
      'with a number that is too large',
      { rows: rowsText(Uint8Array.of(0, 0, 255, 255, 255, 255, 255, 1, 0)) },
    ],
    ['with a list of rows', { rows: [0, 0, 0, 0] }],
    ['with a row before the hour', { rows: rowsOf([-1, 0, 0, 0]) }],
    ['with a row after the hour', { rows: rowsOf([HOUR_MS, 0, 0, 0]) }],
    ['with a kind that is in no table', { rows: rowsOf([0, 9, 0, 0]) }],
    ['with a subject that is in no table', { rows: rowsOf([0, 0, 9, 0]) }],
    ['with an outcome that is in no table', { rows: rowsOf([0, 0, 0, 9]) }],
    ['with a pick that is in no table', { rows: rowsOf([0, 0, 0, -1]) }],
    ['with a row of nothing', { outcomes: [null], rows: rowsOf([0, 0, 0, 0]) }],
    ['with a list that is not packed', { lists: ['[]'] }],
    ['with a packed list that is not JSON', { lists: [packed('[[')] }],
    ['with a packed list that is none', { lists: [packed('{}')] }],
    ['with a pick of another length', { lists: [placesOf(6)], picks: [[0, '0']] }],
    ['with a pick of more bits than there are', { lists: [placesOf(1)], picks: [[0, '000000']] }],
    ['with a pick of a character that means nothing', { lists: [placesOf(1)], picks: [[0, 'P']] }],
    ['with a pick that its list has not', { lists: [placesOf(1)], picks: [[0, '1']] }],
    ['with a pick of no list', { picks: [[0, '']] }],
    ['with a count of nothing', { rows: rowsOf([0, 0, 0, 0]), many: [0, 0, 1] }],
    ['with a weight below one', { rows: rowsOf([0, 0, 0, 0]), many: [0, 1, 0.5] }],
    ['with a count for no row', { many: [0, 1, 1] }],
    ['with two counts for a row', { rows: rowsOf([0, 0, 0, 0]), many: [0, 1, 1, 0, 1, 1] }],
    ['with more units than can be counted', { rows: rowsOf([0, 0, 0, 0], [0, 0, 0, 0]), many: bigCounts() }],
    ['with an unknown reason', { outcomes: [['a', 1, 'on', 'WHY', '']] }],
    ['with an unknown source', { kinds: [[1, 'rumour', '']] }],
    ['with an unknown kind of event', { events: [[0, 'e', 'joy', 0, null, null, 1]] }],
    ['with an event of another hour', { events: [[HOUR_MS, 'e', 'error', 0, null, null, 1]] }],
    ['with an unknown loss', { losses: [['misplaced', 1]] }],
    ['with a list for attributes', { contexts: [[0, [], 1]] }],
    ['with attributes that nest without end', { contexts: [[0, nested(10_000), 1]] }],
    ['with a subject that is a number', { subjects: [1] }],
    ['with a subject that is too long', { subjects: ['x'.repeat(BATCH_LIMITS.subjectLength + 1)] }],
    ['with fields that are missing', { rows: undefined }],
  ])('%s is invalid', (_, change) => {
    const bytes = Buffer.from(JSON.stringify({ ...tablesWith({}), ...change }));
    expect(() => decodeBatch(bytes, `${PROCESS}:1`)).toThrow(expect.objectContaining({ kind: 'invalid' }));
  });

  test.each([
    [
      'rows',
      {
        lists: [placesOf(100)],
        picks: [[0, '']],
        rows: rowsOf(...many(10_000, [[0, 0, 0, -1] as const])),
      },
    ],
    ['picks', { lists: [packed(placesOf(15_000))], picks: many(10, [[0, '']]) }],
    ['lists', { lists: many(10, [packed(placesOf(15_000))]) }],
    ['packed lists', { lists: [packed(' '.repeat(1e6))] }],
    ['plain rows', { rows: rowsOf(...many(BATCH_LIMITS.items + 1, [[0, 0, 0, 0] as const])) }],
    ['events', { events: many(BATCH_LIMITS.items + 1, [[0, 'e', 'crash', 0, null, null, 1]]) }],
  ])('that would become much more than its bytes by its %s is invalid', (_, change) => {
    const bytes = encodeTables(tablesWith(change as unknown as Partial<BatchTables>));
    expect(() => decodeBatch(bytes, `${PROCESS}:1`)).toThrow(expect.objectContaining({ kind: 'invalid' }));
  });

  test('of more bytes than a batch may have is invalid before it is looked at', () => {
    const bytes = Buffer.alloc(BATCH_LIMITS.bytes + 1, '[');
    expect(() => decodeBatch(bytes, 'a:1')).toThrow('too large');
  });

  test('that is any JSON or any bytes is invalid', () => {
    const bytes = fc.oneof(
      fc.uint8Array({ maxLength: 200 }),
      fc.json().map((text) => Buffer.from(text)),
      fc.constantFrom('[', '{"a":', '"').map((text) => Buffer.from(text.repeat(100_000))),
    );
    fc.assert(
      fc.property(bytes, (poison) => {
        expect(() => decodeBatch(poison, 'a:1')).toThrow(expect.objectContaining({ kind: 'invalid' }));
      }),
    );
  });

  test('that is a good one with one byte changed is read or invalid, nothing else', () => {
    const good = encodeBatch(
      batchContent({ evaluations: [recordedEvaluation(), recordedEvaluation({ count: 3 })] }),
    );
    const changed = fc.tuple(fc.nat(good.length - 1), fc.nat(255));
    fc.assert(
      fc.property(changed, ([at, byte]) => {
        const bytes = Uint8Array.from(good).with(at, byte);
        try {
          expect(decodeBatch(bytes, `${PROCESS}:1`).id).toBe(`${PROCESS}:1`);
        } catch (error) {
          expect(error).toMatchObject({ name: 'FlagError', kind: 'invalid' });
        }
      }),
      { numRuns: 2_000 },
    );
  });
});

function digestOf(bytes: Uint8Array): string {
  return decodeBatch(bytes, `${PROCESS}:1`).digest;
}

const OUTCOMES: readonly OutcomeEntry[] = [
  ['a', 1, 'on', 'DEFAULT', ''],
  ['b', 1, 'on', 'SPLIT', 'r'],
  ['b', 1, 'off', 'SPLIT', 'r'],
];

const LIST = [OUTCOMES.slice(0, 1), [...OUTCOMES.slice(1), null]];

function tablesWith(change: Partial<BatchTables>): BatchTables {
  return {
    ...{ format: 2, process: PROCESS, sequence: 1, project: 'shop', environment: 'prod', hour: HOUR },
    accepted: 0,
    outcomes: OUTCOMES,
    kinds: [[1, 'all', '']],
    subjects: ['ann', 'bob'],
    ...{ lists: [], picks: [], rows: '', many: [], events: [], contexts: [], losses: [] },
    ...change,
  };
}

function asJsonObject(entries: Record<string, string | number | boolean>): JsonObject {
  return JSON.parse(JSON.stringify(entries));
}

function nested(depth: number): unknown {
  return JSON.parse(`${'{"a":'.repeat(depth)}1${'}'.repeat(depth)}`);
}

function rowsOf(...rows: readonly Row[]): string {
  const bytes = new Uint8Array(rows.length * ROW_BYTES);
  return rowsText(
    bytes.subarray(
      0,
      rows.reduce((at, row) => writeRow(bytes, at, ...row), 0),
    ),
  );
}

function placesOf(length: number): OutcomeEntry[][] {
  return many(length, [OUTCOMES.slice(0, 1)]);
}

function packed(list: unknown): string {
  return deflateRawSync(typeof list === 'string' ? list : JSON.stringify(list)).toString('base64');
}

function many<T>(times: number, items: readonly T[]): T[] {
  return Array.from({ length: times }, () => items).flat();
}

function bigCounts(): number[] {
  return [0, Number.MAX_SAFE_INTEGER, 1, 1, Number.MAX_SAFE_INTEGER, 1];
}

import { beforeEach, describe, expect, it } from 'vitest';
import { accountOf, totalOf } from '../../../src/app/analytics/ledger-account.ts';
import { replayDeadLetters } from '../../../src/app/analytics/replay.ts';
import { batchId, decodeBatch, encodeBatch } from '../../../src/app/exposures/batch-text.ts';
import { FlagError } from '../../../src/core/errors.ts';
import type { ExposureStore, LedgerEntry } from '../../../src/ports/exposure-store.ts';
import { createExposureModel } from '../../contract/exposure-model.ts';
import { batchContent, PROCESS, recordedEvaluation } from '../exposures/batches.ts';

const entry = (given: Partial<LedgerEntry>): LedgerEntry => ({
  ...{ process: 'p', accepted: 0, stored: 0, deadLettered: 0, lost: new Map() },
  ...{ highestSequence: 0, missing: [], firstAt: 0, lastAt: 0 },
  ...given,
});

describe('an account', () => {
  it('has pending what is neither stored, nor a dead letter, nor lost', () => {
    const lost = new Map([
      ['sampled', 5],
      ['killed', 1],
    ] as const);
    expect(accountOf(entry({ accepted: 20, stored: 10, deadLettered: 2, lost }))).toMatchObject({
      ...{ pending: 2, balanced: false },
    });
    expect(accountOf(entry({ accepted: 18, stored: 10, deadLettered: 2, lost }))).toMatchObject({
      ...{ pending: 0, balanced: true },
    });
  });

  it('of all together is not balanced by mistakes that cancel each other out', () => {
    const entries = [entry({ accepted: 3, stored: 2 }), entry({ accepted: 3, stored: 4 })];
    expect(totalOf(entries)).toMatchObject({ accepted: 6, stored: 6, pending: 0, balanced: false });
    expect(totalOf([entry({ accepted: 3, stored: 3 })])).toMatchObject({ balanced: true });
    expect(totalOf([])).toMatchObject({ accepted: 0, balanced: true });
  });

  it('sums up losses by reason', () => {
    const entries = [
      entry({ lost: new Map([['sampled', 2]]) }),
      entry({
        lost: new Map([
          ['sampled', 3],
          ['erased', 1],
        ]),
      }),
    ];
    expect([...totalOf(entries).lost]).toEqual([
      ['sampled', 5],
      ['erased', 1],
    ]);
  });
});

describe('dead letters', () => {
  const LETTERS = 45;
  const place = { project: 'shop', environment: 'prod' };
  let store: ExposureStore;

  /** One that could not be read by an older version, and one that nobody can read. */
  const sound = (sequence: number) =>
    encodeBatch(batchContent({ sequence, evaluations: [recordedEvaluation()] }));
  const bury = (id: string, bytes: Uint8Array) => store.bury({ id, bytes, error: '?', at: 1, attempts: 5 });
  const left = async () => (await store.deadLetters(1_000)).map(({ id }) => id);
  const rows = () => store.rows(place, { from: 0, to: Number.MAX_SAFE_INTEGER, limit: 1_000 });

  beforeEach(async () => {
    store = createExposureModel();
    for (let n = 1; n <= LETTERS; n++) await bury(batchId(PROCESS, n), sound(n));
    await bury('evil:1', Buffer.from('{"garbage'));
  });

  it('that can be read by now are stored, and all others stay with the reason', async () => {
    const { replayed, failed } = await replayDeadLetters(store, []);
    expect(replayed).toHaveLength(LETTERS);
    expect(await rows()).toHaveLength(LETTERS);
    expect([...failed]).toEqual([['evil:1', expect.stringContaining('JSON')]]);
    expect(await left()).toEqual(['evil:1']);
  });

  it('may be named', async () => {
    const ids = [batchId(PROCESS, 7), 'nobody:1'];
    const { replayed, failed } = await replayDeadLetters(store, ids);
    expect(replayed).toEqual([batchId(PROCESS, 7)]);
    expect([...failed]).toEqual([['nobody:1', 'there is no such letter']]);
    expect(await left()).toHaveLength(LETTERS);
  });

  it('are all tried in the end, a thousand at a time, however many stay', async () => {
    for (let n = 2; n <= 1_010; n++) await bury(`evil:${n}`, Buffer.from('?'));
    const first = await replayDeadLetters(store, []);
    expect([first.replayed.length, first.failed.size]).toEqual([LETTERS, 1_000 - LETTERS]);
    const second = await replayDeadLetters(store, [], first.last);
    expect([second.replayed.length, second.failed.size, second.last]).toEqual([0, 10 + LETTERS, undefined]);
    expect(new Set([...first.failed.keys(), ...second.failed.keys()]).size).toBe(1_010);
  });

  it('are opened only if they are meant', async () => {
    const opened: number[] = [];
    const counting = {
      ...store,
      letterLabels: (limit: number, after?: string) => store.letterLabels(limit, after),
      async deadLetters(limit: number, after?: string) {
        const letters = await store.deadLetters(limit, after);
        opened.push(letters.length);
        return letters;
      },
    };
    const id = batchId(PROCESS, 40);
    expect((await replayDeadLetters(counting, [id])).replayed).toEqual([id]);
    expect(opened).toHaveLength(1);
  });

  it('count once, even if whoever stored them died before they were removed', async () => {
    await store.store(decodeBatch(sound(7), batchId(PROCESS, 7)));
    expect((await replayDeadLetters(store, [])).replayed).toHaveLength(LETTERS);
    expect(await rows()).toHaveLength(LETTERS);
  });

  it('stay where another batch has their id', async () => {
    const other = batchContent({ sequence: 7, evaluations: [recordedEvaluation({ variation: 'off' })] });
    await store.store(decodeBatch(encodeBatch(other), batchId(PROCESS, 7)));
    const { failed } = await replayDeadLetters(store, [batchId(PROCESS, 7)]);
    expect(failed.get(batchId(PROCESS, 7))).toMatch(/another batch/);
  });

  it('stay when the store is away, and so does whatever went wrong without anybody knowing why', async () => {
    const failing = (error: unknown) => ({ ...store, store: () => Promise.reject(error) });
    const away = new FlagError('unavailable', 'the store is away');
    await expect(replayDeadLetters(failing(away), [])).rejects.toBe(away);
    const { replayed, failed } = await replayDeadLetters(failing(new TypeError('oops')), [
      batchId(PROCESS, 1),
    ]);
    expect([replayed, [...failed.values()]]).toEqual([[], ['it cannot be stored']]);
    expect(await left()).toHaveLength(LETTERS + 1);
  });

  it('are read by what stores them, if that reads them, and stay with the reason if it dies of one', async () => {
    const died = new FlagError('unavailable', 'the thread of the store died', { reason: 'STORE_DIED' });
    const elsewhere: ExposureStore = {
      ...store,
      store: () => Promise.reject(new TypeError('it was read here')),
      storeBytes: (id) =>
        id === batchId(PROCESS, 7) ? Promise.reject(died) : Promise.resolve({ stored: 'stored', units: 1 }),
    };
    const { replayed, failed } = await replayDeadLetters(elsewhere, []);
    expect(replayed).toHaveLength(LETTERS);
    expect([...failed]).toEqual([[batchId(PROCESS, 7), 'the thread of the store died']]);
  });
});

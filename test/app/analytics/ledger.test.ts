import { beforeEach, describe, expect, it } from 'vitest';
import { accountOf, totalOf } from '../../../src/app/analytics/ledger-account.ts';
import { replayDeadLetters } from '../../../src/app/analytics/replay.ts';
import { FlagError } from '../../../src/core/errors.ts';
import type { Parcel } from '../../../src/ports/exposure-queue.ts';
import type { ExposureStore, LedgerEntry } from '../../../src/ports/exposure-store.ts';
import { createExposureModel } from '../../contract/exposure-model.ts';
import { createFakeClock, type FakeClock } from '../../support/fake-clock.ts';

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
  const DAY_MS = 86_400_000;
  let store: ExposureStore;
  let clock: FakeClock;
  let published: Parcel[];
  const queue = { publish: async (parcel: Parcel) => void published.push(parcel) };

  beforeEach(async () => {
    store = createExposureModel();
    clock = createFakeClock(10 * DAY_MS);
    published = [];
    for (let n = 10; n < 60; n++) await bury(`p:${n}`, DAY_MS);
  });

  const bury = (id: string, at: number) =>
    store.bury({ id, bytes: Buffer.from(id), error: 'unreadable', at, attempts: 5 });
  const left = async () => (await store.deadLetters(1_000)).map(({ id }) => id);

  it('are published as they are, and are letters no more', async () => {
    const { replayed, failed } = await replayDeadLetters({ store, queue, clock }, []);
    expect(replayed).toHaveLength(50);
    expect(failed.size).toBe(0);
    expect(published.map(({ id, bytes }) => [id, Buffer.from(bytes).toString()])).toEqual(
      replayed.map((id) => [id, id]),
    );
    expect(await left()).toEqual([]);
  });

  it('may be named', async () => {
    const { replayed, failed } = await replayDeadLetters({ store, queue, clock }, ['p:59', 'p:99', 'p:11']);
    expect(replayed).toEqual(['p:11', 'p:59']);
    expect([...failed]).toEqual([['p:99', 'there is no such letter']]);
    expect(await left()).toHaveLength(48);
  });

  it('stay as long as the queue would take them for a repetition', async () => {
    await bury('q:1', clock.now() - 60_000);
    const { replayed, failed } = await replayDeadLetters({ store, queue, clock }, ['q:1']);
    expect(replayed).toEqual([]);
    expect(failed.get('q:1')).toMatch(/try again in 10 minutes/);
    expect(await left()).toContain('q:1');
    clock.advance(10 * 60_000);
    expect((await replayDeadLetters({ store, queue, clock }, ['q:1'])).replayed).toEqual(['q:1']);
  });

  it('stay when the queue has no room, and so do all that follow', async () => {
    const full = {
      async publish(parcel: Parcel) {
        if (published.length === 3) throw new FlagError('exhausted', 'the queue is full');
        published.push(parcel);
      },
    };
    const { replayed, failed } = await replayDeadLetters({ store, queue: full, clock }, []);
    expect(replayed).toEqual(['p:10', 'p:11', 'p:12']);
    expect(new Set(failed.values())).toEqual(new Set(['the queue is full']));
    expect(await left()).toHaveLength(47);
  });

  it('that the queue can never take do not keep the others back', async () => {
    const picky = {
      async publish(parcel: Parcel) {
        if (parcel.id === 'p:10') throw new FlagError('invalid', 'too large');
        published.push(parcel);
      },
    };
    const { replayed, failed } = await replayDeadLetters({ store, queue: picky, clock }, []);
    expect(replayed).toHaveLength(49);
    expect([...failed]).toEqual([['p:10', 'too large']]);
  });
});

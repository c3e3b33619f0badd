import type { Collection, Document } from 'mongodb';
import { describe, expect, it } from 'vitest';
import {
  createMongoExposureStore,
  type ExposureStoreOptions,
} from '../../src/adapters/mongo/exposure-store.ts';
import { openMongo } from '../../src/adapters/mongo/open-mongo.ts';
import type { ExposureStore } from '../../src/ports/exposure-store.ts';
import { ALWAYS, batch, entryOf, evaluation, HOUR, SHOP, START } from '../contract/exposure-samples.ts';
import { mongoServerOrSkip, openTestDatabase } from '../support/mongo-server.ts';

const uri = await mongoServerOrSkip();

const EAGER = { partsPerRoll: 1 };
const LAZY = {};

interface Opened extends AsyncDisposable {
  readonly store: ExposureStore;
  /** Ids of what was reported as unreadable. */
  readonly reported: Set<unknown>;
  collection(name: string): Collection<Document & { readonly _id: string }>;
}

/** A store of two batches of the same hour, put together as these options say. */
async function openStored(options: ExposureStoreOptions): Promise<Opened> {
  const database = openTestDatabase(uri ?? '');
  const mongo = openMongo({ uri: database.uri, database: database.name });
  const reported = new Set<unknown>();
  const report = (_problem: string, { id }: Readonly<Record<string, unknown>>) => void reported.add(id);
  const store = createMongoExposureStore(mongo, { ...options, report });
  for (const sequence of [1, 2]) await store.store(numbered(sequence));
  return {
    ...{ store, reported },
    collection: (name) => database.client.db(database.name).collection(`exposure_${name}`),
    async [Symbol.asyncDispose]() {
      await store[Symbol.asyncDispose]();
      await mongo[Symbol.asyncDispose]();
      await database[Symbol.asyncDispose]();
    },
  };
}

/** Of so many evaluations, each by somebody else. */
function numbered(sequence: number) {
  const evaluations = Array.from({ length: sequence }, (_, index) =>
    evaluation({ subject: `${sequence}-${index}`, time: START + sequence }),
  );
  return batch({ sequence, evaluations, acceptedSoFar: 3 });
}

async function total(store: ExposureStore): Promise<number> {
  const points = await store.series(SHOP, { ...ALWAYS, step: 'hour' });
  return points.reduce((sum, { count }) => sum + count, 0);
}

/** All rolls are there. */
async function putTogether({ store, collection }: Opened): Promise<void> {
  await store.contexts(SHOP, { ...ALWAYS, limit: 0 });
  expect(await collection('parts').countDocuments({ open: true })).toBe(0);
}

describe.skipIf(uri === undefined)('a document of exposures that somebody edited', () => {
  it('is left out of sums and named, when it is the content of a batch', async () => {
    await using opened = await openStored(LAZY);
    const { store, reported, collection } = opened;
    const [part] = await collection('parts').find({ _id: 'p:2' }).toArray();
    const bytes = Buffer.from(part?.content.value());
    bytes[bytes.length >> 1] = (bytes[bytes.length >> 1] ?? 0) ^ 255;
    await collection('parts').updateOne({ _id: 'p:2' }, { $set: { content: bytes } });
    expect(await total(store)).toBe(1);
    expect([...reported]).toEqual(['p:2']);
    await store.expire({ rowsBefore: 0, minutesBefore: 0, rollupsBefore: 0 });
    expect(await total(store)).toBe(1);
    expect(await store.store(numbered(3))).toBe('stored');
    expect(await total(store)).toBe(4);
  });

  it('is a batch that is missing, when it is what the ledger needs of it', async () => {
    await using opened = await openStored(LAZY);
    const { store, reported, collection } = opened;
    await collection('parts').updateOne({ _id: 'p:1' }, { $set: { units: 1_000 } });
    expect(await entryOf(store)).toMatchObject({ stored: 2, missing: [{ from: 1, to: 1 }] });
    expect(await total(store)).toBe(2);
    expect([...reported]).toEqual(['p:1']);
  });

  it.each([
    ['totals', 'hour', { cells: 'none' }],
    ['minutes', 'minute', { format: 9 }],
  ] as const)('is left out alone, when it is of %s', async (name, step, edit) => {
    await using opened = await openStored(EAGER);
    const { store, reported, collection } = opened;
    await putTogether(opened);
    const id = (await collection(name).find().toArray())[0]?._id ?? '';
    await collection(name).updateOne({ _id: id }, { $set: edit });
    const points = await store.series(SHOP, { ...ALWAYS, step });
    expect(points.reduce((sum, { count }) => sum + count, 0)).toBeLessThan(3);
    expect([...reported]).toEqual([id]);
    expect(await store.rows(SHOP, { ...ALWAYS, limit: 10 })).toHaveLength(3);
  });

  it('is left out alone, and kept for whoever can mend it, when it is rows', async () => {
    await using opened = await openStored(EAGER);
    const { store, reported, collection } = opened;
    await putTogether(opened);
    const [rows] = await collection('rows').find().toArray();
    const id = rows?._id ?? '';
    await collection('rows').updateOne({ _id: id }, { $set: { 'rows.subject': [] } });
    expect((await store.rows(SHOP, { ...ALWAYS, limit: 10 })).length).toBeLessThan(3);
    expect([...reported]).toEqual([id]);
    expect(await total(store)).toBe(3);
    await store.store({ ...numbered(3), hour: HOUR + 5, evaluations: [], units: 0 });
    await store.expire({ rowsBefore: 0, minutesBefore: 0, rollupsBefore: 0 });
    await collection('rows').updateOne({ _id: id }, { $set: { 'rows.subject': rows?.rows.subject } });
    expect(await store.rows(SHOP, { ...ALWAYS, limit: 10 })).toHaveLength(3);
  });

  it('takes its hour with it and no other, when it is the one that says what the hour is made of', async () => {
    await using opened = await openStored(EAGER);
    const { store, reported, collection } = opened;
    await putTogether(opened);
    const id = (await collection('hours').find().toArray())[0]?._id ?? '';
    await collection('hours').updateOne({ _id: id }, { $unset: { rolls: '' } });
    const later = { ...numbered(3), hour: HOUR + 1 };
    const evaluations = [evaluation({ time: START + 3_600_000 })];
    await store.store({ ...later, evaluations, units: 1 });
    expect(await total(store)).toBe(1);
    expect([...reported]).toEqual([id]);
    expect(await store.store(numbered(4))).toBe('stored');
    expect(await total(store)).toBe(5);
    await store.expire({ rowsBefore: 0, minutesBefore: 0, rollupsBefore: 0 });
    expect(await total(store)).toBe(5);
    expect(await entryOf(store)).toMatchObject({ stored: 8 });
  });

  it('takes the account of its process with it and no other, when it is that', async () => {
    await using opened = await openStored(EAGER);
    const { store, reported, collection } = opened;
    await putTogether(opened);
    await collection('processes').updateOne({ _id: 'p' as string }, { $set: { ranges: [1.5] } });
    await store.store(batch({ process: 'q', evaluations: [evaluation()] }));
    expect((await store.ledger(10)).map(({ process }) => process)).toEqual(['q']);
    expect([...reported]).toEqual(['p']);
    expect(await total(store)).toBe(4);
  });
});

import { describe, expect, it } from 'vitest';
import { createMongoExposureStore } from '../../src/adapters/mongo/exposure-store.ts';
import { openMongo } from '../../src/adapters/mongo/open-mongo.ts';
import { ALWAYS, batch, evaluation, event, everything, SHOP, START } from '../contract/exposure-samples.ts';
import { mongoServerOrSkip, openTestDatabase } from '../support/mongo-server.ts';

const uri = await mongoServerOrSkip();

describe.skipIf(uri === undefined)('the views of exposures in MongoDB', () => {
  it('have a document for each evaluation and each event, and sums by the hour and by the minute', async () => {
    await using database = openTestDatabase(uri ?? '');
    await using mongo = openMongo({ uri: database.uri, database: database.name });
    const db = database.client.db(database.name);
    // An older version had another one.
    await db.createCollection('flag_events', { viewOn: 'nothing', pipeline: [] });
    await using store = createMongoExposureStore(mongo, { partsPerRoll: 1 });
    const evaluations = [
      evaluation({ time: START + 5 }),
      evaluation({ time: START + 5, subject: 'bert', variation: 'off', count: 2, weight: 2 }),
    ];
    await store.store(batch({ evaluations, events: [event({ value: 2 })] }));
    // Of a roll that nobody finished.
    await store.contexts(SHOP, { ...ALWAYS, limit: 0 });
    const [rows] = await db.collection('exposure_rows').find().toArray();
    await db.collection('exposure_rows').insertOne({ ...rows, _id: 'stray/0' as never, roll: 'stray' });

    const all = (view: string) => db.collection(view).find().sort({ variation: -1 }).toArray();
    const where = { project: 'shop', environment: 'production', flag: 'banner' };
    const on = { ...where, variation: 'on', reason: 'SPLIT' };
    const off = { ...where, variation: 'off', reason: 'SPLIT' };
    const told = { flag_version: 3, revision: 7, rule_id: 'rule-1', source: 'call', client: 'node/1.0' };
    const when = { time: new Date(START + 5), time_ms: START + 5 };
    expect(await all('flag_evaluations')).toEqual([
      { ...on, ...told, ...when, subject: 'anna', count: 1, weight: 1 },
      { ...off, ...told, ...when, subject: 'bert', count: 2, weight: 2 },
    ]);
    const at = { at: new Date(START), at_ms: START };
    for (const view of ['flag_hours', 'flag_minutes'])
      expect(await all(view)).toEqual([
        { ...on, ...at, count: 1, estimate: 1 },
        { ...off, ...at, count: 2, estimate: 4 },
      ]);
    const { project, environment } = where;
    expect(await all('flag_events')).toEqual([
      {
        ...{ project, environment, time: new Date(START), time_ms: START },
        ...{ event: 'checkout', kind: 'metric', subject: 'anna', value: 2, count: 1 },
      },
    ]);
  });
});

describe.skipIf(uri === undefined)('the name of a batch in MongoDB', () => {
  it('is forgotten after a week, and the batch still counts once', async () => {
    await using database = openTestDatabase(uri ?? '');
    await using mongo = openMongo({ uri: database.uri, database: database.name });
    await using store = createMongoExposureStore(mongo);
    const first = batch({ evaluations: [evaluation()] });
    const second = batch({ sequence: 2, evaluations: [evaluation()], acceptedSoFar: 2 });
    for (const one of [first, second]) expect(await store.store(one)).toBe('stored');
    const before = await everything(store, SHOP, ['banner']);
    const parts = database.client.db(database.name).collection('exposure_parts');
    const longAgo = new Date(Date.now() - 8 * 86_400_000);
    await parts.updateOne({ sequence: 1 }, { $set: { storedAt: longAgo } });
    await store.expire({ rowsBefore: 0, minutesBefore: 0, rollupsBefore: 0 });
    expect(await parts.distinct('sequence')).toEqual([2]);
    for (const one of [first, second]) expect(await store.store(one)).toBe('already');
    expect(await everything(store, SHOP, ['banner'])).toEqual(before);
  });
});

import { type Document, Long } from 'mongodb';
import { describe, expect, it, vi } from 'vitest';
import { createMongoChangeLog } from '../../src/adapters/mongo/mongo-change-log.ts';
import { openMongo } from '../../src/adapters/mongo/open-mongo.ts';
import { chain, changeAfter, headOf } from '../contract/samples.ts';
import { mongoServerOrSkip, openTestDatabase } from '../support/mongo-server.ts';

const uri = await mongoServerOrSkip();

/** A log in a database of its own, and its collection as anybody may have it. */
async function openLog() {
  const database = openTestDatabase(uri ?? '');
  const mongo = openMongo({ uri: database.uri, database: database.name });
  return {
    ...{ database, mongo, log: createMongoChangeLog(mongo) },
    raw: database.client.db(database.name).collection('changes'),
    async [Symbol.asyncDispose]() {
      await mongo[Symbol.asyncDispose]();
      await database[Symbol.asyncDispose]();
    },
  };
}

/** A change of the third document's body. */
function edited(edit: (change: Document) => Document) {
  return (document: Document) => ({ ...document, body: JSON.stringify(edit(JSON.parse(document.body))) });
}

describe.skipIf(uri === undefined)('the MongoDB change log', () => {
  it.each<[string, (document: Document) => Document]>([
    ['is no JSON', (document) => ({ ...document, body: document.body.slice(0, 40) })],
    ['has no text', ({ body: _body, ...rest }) => rest],
    ['has a body that is no text', (document) => ({ ...document, body: JSON.parse(document.body) })],
    ['is of no format', ({ format: _format, ...rest }) => rest],
    ['lacks a field', edited(({ reason: _reason, ...rest }) => rest)],
    ['has a field of another type', edited((change) => ({ ...change, hash: 1 }))],
    ['is of another project', edited((change) => ({ ...change, project: 'x' }))],
    ['is of another revision', edited((change) => ({ ...change, revision: 4 }))],
  ])('says which change it cannot read: one that %s', async (_case, edit) => {
    await using store = await openLog();
    for (const change of chain('shop', 5)) await store.log.append(change);
    const third = await store.raw.findOne({ revision: 3 });
    await store.raw.replaceOne({ revision: 3 }, edit(third ?? {}));
    await expect(store.log.read('shop', 0, 10)).rejects.toMatchObject({
      kind: 'unavailable',
      message: 'the log of project shop is damaged at revision 3',
      details: { reason: 'LOG_DAMAGED', metadata: { project: 'shop', revision: '3' } },
    });
    expect(await store.log.read('shop', 3, 10)).toHaveLength(2);
    expect((await store.log.head('shop'))?.revision).toBe(5);
  });

  it('tells the time by the clock of the server, also before there is a change', async () => {
    await using store = await openLog();
    const before = Date.now();
    for (const changes of [[], chain('shop', 1)]) {
      for (const change of changes) await store.log.append(change);
      const asked = vi.spyOn(Date, 'now').mockReturnValue(0);
      const now = await store.log.now?.();
      asked.mockRestore();
      // The server of these tests is on this machine.
      expect(now).toBeGreaterThanOrEqual(before);
    }
  });

  it('says where a change is gone', async () => {
    await using store = await openLog();
    for (const change of chain('shop', 5)) await store.log.append(change);
    await store.raw.deleteOne({ revision: 3 });
    await expect(store.log.read('shop', 0, 10)).rejects.toMatchObject({
      message: 'the log of project shop is damaged at revision 3',
    });
  });

  it('asks for a newer program to read a document of a newer format', async () => {
    await using store = await openLog();
    for (const change of chain('shop', 3)) await store.log.append(change);
    await store.raw.updateOne({ revision: 2 }, { $set: { format: 2 } });
    await expect(store.log.read('shop', 0, 10)).rejects.toMatchObject({
      message: 'revision 2 of project shop has format 2, and this program knows 1 at most: use a newer one',
      details: { reason: 'LOG_DAMAGED', metadata: { revision: '2' } },
    });
  });

  it('keeps revisions as whole numbers of 64 bits', async () => {
    await using store = await openLog();
    const far = changeAfter('shop', { project: 'shop', revision: 2 ** 40, hash: 'before' });
    const [first] = chain('shop', 1);
    await store.log.append(first ?? far);
    const template = await store.raw.findOne({});
    await store.raw.insertOne({
      ...template,
      _id: 'before',
      revision: Long.fromNumber(2 ** 40),
      idempotencyKey: 'before',
      hash: 'before',
    } as Document);
    expect(await store.log.append(far)).toEqual({ kind: 'appended' });
    expect(await store.log.head('shop')).toEqual(headOf(far));
    expect(await store.log.read('shop', 2 ** 40, 10)).toEqual([far]);
    expect(await store.log.readBack('shop', Number.MAX_SAFE_INTEGER, 1)).toEqual([far]);
    expect(await store.raw.countDocuments({ revision: { $type: 'long' } })).toBe(3);
  });

  it('makes its indexes once, also when replicas start at the same time on an empty database', async () => {
    await using store = await openLog();
    const replicas = Array.from({ length: 5 }, () =>
      openMongo({ uri: store.database.uri, database: store.database.name }),
    );
    const appended = await Promise.all(
      replicas.map((mongo, index) =>
        createMongoChangeLog(mongo).append(changeAfter(`project-${index}`, undefined)),
      ),
    );
    for (const mongo of replicas) await mongo[Symbol.asyncDispose]();
    expect(appended).toEqual(Array.from({ length: 5 }, () => ({ kind: 'appended' })));
    const indexes = await store.raw.indexes();
    expect(indexes.map(({ name, unique = false }) => [name, unique])).toEqual([
      ['_id_', false],
      ['slots', true],
      ['idempotency_keys', true],
      ['times', false],
    ]);
  });

  it('finds the heads without looking at every change', async () => {
    await using store = await openLog();
    for (const project of ['a', 'b', 'c'])
      for (const change of chain(project, 20)) await store.log.append(change);
    const plan = await store.raw
      .aggregate([
        { $sort: { project: 1, revision: -1 } },
        { $group: { _id: '$project', revision: { $first: '$revision' }, hash: { $first: '$hash' } } },
      ])
      .explain();
    expect(JSON.stringify(plan)).toContain('"stage":"DISTINCT_SCAN"');
    expect((await store.log.heads()).map(({ revision }) => revision)).toEqual([20, 20, 20]);
  });

  it('shows people who did what, and keeps what callers wrote out of the names of fields', async () => {
    await using store = await openLog();
    const parts = { actor: 'key:abc', reason: '{"$where":1}', action: 'flag.halt', idempotencyKey: '$set' };
    const change = changeAfter('shop', undefined, parts);
    await store.log.append(change);
    const document = await store.raw.findOne({ project: 'shop' });
    expect(document).toMatchObject({
      format: 1,
      revision: 1,
      ...parts,
      time: change.time,
      hash: change.hash,
    });
    expect(Object.keys(document ?? {}).sort()).toEqual(
      [
        '_id',
        'action',
        'actor',
        'body',
        'format',
        'hash',
        'idempotencyKey',
        'project',
        'reason',
        'revision',
        'time',
      ].sort(),
    );
  });
});

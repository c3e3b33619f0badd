import { createServer } from 'node:net';
import { describe, expect, it, vi } from 'vitest';
import { createMongoChangeLog } from '../../src/adapters/mongo/mongo-change-log.ts';
import { createMongoProjection } from '../../src/adapters/mongo/mongo-projection.ts';
import { openMongo } from '../../src/adapters/mongo/open-mongo.ts';
import { chain, headOf } from '../contract/samples.ts';
import { startFaultProxy } from '../faults/proxies/fault-proxy.ts';
import { mongoServerOrSkip, openTestDatabase } from '../support/mongo-server.ts';

const uri = await mongoServerOrSkip();

const UNAVAILABLE = { name: 'FlagError', kind: 'unavailable' };

/** A port that nobody listens on. */
async function freePort(): Promise<number> {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const address = server.address();
  await new Promise((resolve) => server.close(resolve));
  return typeof address === 'object' && address !== null ? address.port : 0;
}

describe('a connection to MongoDB', () => {
  it('writes to the journals of a majority and reads from the primary, whatever its URI says', async () => {
    await using mongo = openMongo({
      uri: 'mongodb://127.0.0.1:1/?w=1&journal=false&readPreference=secondary&readConcernLevel=available',
      database: 'vexil',
    });
    expect(mongo.db.writeConcern).toMatchObject({ w: 'majority', journal: true, j: true });
    expect(mongo.db.readPreference).toMatchObject({ mode: 'primary' });
  });

  it('takes the timeouts of its URI, or else some of seconds', async () => {
    await using some = openMongo({ uri: 'mongodb://127.0.0.1:1', database: 'vexil' });
    expect(some.client.options).toMatchObject({ serverSelectionTimeoutMS: 3_000, socketTimeoutMS: 5_000 });
    await using own = openMongo({
      uri: 'mongodb://127.0.0.1:1/?serverselectiontimeoutms=9000&appName=mine',
      database: 'vexil',
    });
    expect(own.client.options).toMatchObject({ serverSelectionTimeoutMS: 9_000, appName: 'mine' });
  });

  it.each([
    '',
    'http://user:secret@host',
    'mongodb://',
    'mongodb://user:sec/ret@host',
    'mongodb://host/?nonsense=1',
  ])('refuses the URI %j without showing it', (wrong) => {
    const open = () => openMongo({ uri: wrong, database: 'vexil' });
    expect(open).toThrow(
      expect.objectContaining({ kind: 'invalid', message: 'the URI of MongoDB is not usable' }),
    );
  });

  it('makes everything unavailable while nobody listens', async () => {
    await using mongo = openMongo({
      uri: `mongodb://127.0.0.1:${await freePort()}`,
      database: 'vexil',
      patienceMs: 200,
    });
    const log = createMongoChangeLog(mongo);
    const projection = createMongoProjection(mongo);
    const [change] = chain('shop', 1);
    if (change === undefined) throw new Error('too short');
    for (const work of [
      () => log.append(change),
      () => log.heads(),
      () => log.read('shop', 0, 1),
      () => projection.load('shop'),
      () => projection.apply('shop', { revision: 0, hash: '' }, { revision: 1, hash: 'h' }, []),
    ])
      await expect(work()).rejects.toMatchObject({
        ...UNAVAILABLE,
        details: { reason: 'STORE_UNREACHABLE' },
      });
  });
});

describe.skipIf(uri === undefined)('a connection to a MongoDB server', () => {
  async function openLine() {
    const database = openTestDatabase(uri ?? '');
    const { hostname, port } = new URL(database.uri);
    const proxy = await startFaultProxy({ target: () => ({ host: hostname, port: Number(port) }) });
    const through = new URL(database.uri);
    through.host = `127.0.0.1:${proxy.port}`;
    const mongo = openMongo({ uri: through.href, database: database.name, patienceMs: 500 });
    return {
      ...{ proxy, mongo, log: createMongoChangeLog(mongo) },
      async [Symbol.asyncDispose]() {
        proxy.heal();
        await mongo[Symbol.asyncDispose]();
        await proxy[Symbol.asyncDispose]();
        await database[Symbol.asyncDispose]();
      },
    };
  }

  it('comes back by itself when the server does, also if it was not there at first', async () => {
    await using line = await openLine();
    line.proxy.refuse(true);
    await expect(line.log.heads()).rejects.toMatchObject(UNAVAILABLE);
    line.proxy.heal();
    await vi.waitFor(async () => expect(await line.log.heads()).toEqual([]), { timeout: 10_000 });
    const [first, second] = chain('shop', 2);
    if (first === undefined || second === undefined) throw new Error('too short');
    await line.log.append(first);
    line.proxy.refuse(true);
    line.proxy.cut();
    await expect(line.log.head('shop')).rejects.toMatchObject(UNAVAILABLE);
    line.proxy.heal();
    await vi.waitFor(async () => expect(await line.log.head('shop')).toEqual(headOf(first)), {
      timeout: 10_000,
    });
    expect(await line.log.append(second)).toEqual({ kind: 'appended' });
  });

  it.each([
    ['does not answer', { blackhole: true }],
    ['answers a byte at a time', { bytesPerSecond: 20 }],
  ])('is unavailable when the server %s', async (_case, faults) => {
    await using line = await openLine();
    await line.log.heads();
    line.proxy.toClient.set(faults);
    await expect(line.log.heads()).rejects.toMatchObject({
      ...UNAVAILABLE,
      details: { reason: 'STORE_UNREACHABLE' },
    });
    line.proxy.heal();
    await vi.waitFor(async () => expect(await line.log.heads()).toEqual([]), { timeout: 10_000 });
  });
});

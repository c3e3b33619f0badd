import { describe, expect, it, vi } from 'vitest';
import { createMongoChangeLog } from '../../src/adapters/mongo/mongo-change-log.ts';
import { openMongo } from '../../src/adapters/mongo/open-mongo.ts';
import type { Change } from '../../src/core/change.ts';
import type { ChangeLog } from '../../src/ports/change-log.ts';
import { chain, changeAfter } from '../contract/samples.ts';
import { type FaultProxy, startFaultProxy } from '../faults/proxies/fault-proxy.ts';
import { mongoServerOrSkip, openTestDatabase, type TestDatabase } from '../support/mongo-server.ts';

const uri = await mongoServerOrSkip();

const AT_ONCE = 8;

interface Line extends AsyncDisposable {
  readonly proxy: FaultProxy;
  /** A log whose connections go through the proxy, with its indexes made. */
  readonly log: ChangeLog;
}

async function openLine(database: TestDatabase, appendPatienceMs = 10_000): Promise<Line> {
  const { hostname, port } = new URL(database.uri);
  const proxy = await startFaultProxy({ target: () => ({ host: hostname, port: Number(port) }) });
  const through = new URL(database.uri);
  through.host = `127.0.0.1:${proxy.port}`;
  const mongo = openMongo({ uri: through.href, database: database.name, patienceMs: 1_000 });
  const log = createMongoChangeLog(mongo, { appendPatienceMs });
  await log.append(changeAfter('warm', await log.head('warm')));
  return {
    proxy,
    log,
    async [Symbol.asyncDispose]() {
      proxy.heal();
      await mongo[Symbol.asyncDispose]();
      await proxy[Symbol.asyncDispose]();
    },
  };
}

function firstOf(project: string): Change {
  return changeAfter(project, undefined, { reason: 'r'.repeat(200) });
}

/** How many bytes go each way for the first append to a project. */
async function sizesOfAppend(database: TestDatabase): Promise<{ toServer: number; toClient: number }> {
  await using line = await openLine(database);
  const before = { toServer: line.proxy.toServer.arrivedBytes, toClient: line.proxy.toClient.arrivedBytes };
  await line.log.append(firstOf('measured'));
  return {
    toServer: line.proxy.toServer.arrivedBytes - before.toServer,
    toClient: line.proxy.toClient.arrivedBytes - before.toClient,
  };
}

/** Appends over connections that are cut after so many bytes, until one was, and then no more. */
async function appendCutOff(
  database: TestDatabase,
  way: 'toServer' | 'toClient',
  bytes: number,
): Promise<void> {
  await using line = await openLine(database);
  const change = firstOf(`cut-${way}-${bytes}`);
  const before = line.proxy.connections;
  line.proxy[way].cutAfter(bytes);
  const appending = line.log.append(change);
  await vi.waitFor(() => expect(line.proxy.connections).toBeLessThan(before), {
    timeout: 5_000,
    interval: 1,
  });
  line.proxy.heal();
  const result = await appending;
  expect([{ kind: 'appended' }, { kind: 'already_done', change }]).toContainEqual(result);
  expect(await line.log.read(change.project, 0, 10)).toEqual([change]);
  expect(await line.log.append(changeAfter(change.project, change))).toEqual({ kind: 'appended' });
}

describe.skipIf(uri === undefined)('an append to MongoDB', () => {
  it('is made exactly once wherever its connection is cut', async () => {
    await using database = openTestDatabase(uri ?? '');
    const sizes = await sizesOfAppend(database);
    expect(sizes.toServer).toBeGreaterThan(500);
    const upTo = (size: number, step: number) =>
      Array.from({ length: Math.ceil(size / step) }, (_, index) => index * step);
    const places = [
      ...[1, 4, 15, 16, 17, 20, sizes.toServer - 1, ...upTo(sizes.toServer, 97)].map((bytes) => [
        'toServer',
        bytes,
      ]),
      ...[1, 4, 15, 16, 17, sizes.toClient - 1, ...upTo(sizes.toClient, 7)].map((bytes) => [
        'toClient',
        bytes,
      ]),
    ] as ['toServer' | 'toClient', number][];
    for (let index = 0; index < places.length; index += AT_ONCE)
      await Promise.all(
        places.slice(index, index + AT_ONCE).map(([way, bytes]) => appendCutOff(database, way, bytes)),
      );
  }, 120_000);

  it('has lost its slot if somebody else took it while it was cut off', async () => {
    await using database = openTestDatabase(uri ?? '');
    await using line = await openLine(database);
    await using direct = await openLine(database);
    line.proxy.toServer.cutAfter(100);
    const change = firstOf('shop');
    const appending = line.log.append(change);
    await vi.waitFor(() => expect(line.proxy.toServer.arrivedBytes).toBeGreaterThan(100));
    const rival = changeAfter('shop', undefined, { idempotencyKey: 'rival' });
    expect(await direct.log.append(rival)).toEqual({ kind: 'appended' });
    line.proxy.heal();
    expect(await appending).toEqual({ kind: 'slot_taken' });
    expect(await direct.log.read('shop', 0, 10)).toEqual([rival]);
  });

  it('says that its outcome is unknown when nobody can be asked, and is found by asking again', async () => {
    await using database = openTestDatabase(uri ?? '');
    await using line = await openLine(database, 300);
    await using direct = await openLine(database);
    const change = firstOf('shop');
    line.proxy.toClient.set({ blackhole: true });
    await expect(line.log.append(change)).rejects.toMatchObject({
      name: 'FlagError',
      kind: 'unavailable',
      message: 'the store cannot be reached; revision 1 of project shop may or may not have been made',
      details: { reason: 'OUTCOME_UNKNOWN', metadata: { project: 'shop', revision: '1' } },
    });
    expect(await direct.log.read('shop', 0, 10)).toEqual([change]);
    line.proxy.heal();
    await vi.waitFor(
      async () => expect(await line.log.append(change)).toEqual({ kind: 'already_done', change }),
      {
        timeout: 5_000,
      },
    );
  });

  it('is merely unavailable when nothing of it can have arrived', async () => {
    await using database = openTestDatabase(uri ?? '');
    await using line = await openLine(database, 300);
    const [first, second] = chain('shop', 2);
    if (first === undefined || second === undefined) throw new Error('too short');
    await line.log.append(first);
    line.proxy.refuse(true);
    line.proxy.cut();
    await expect(line.log.append(second)).rejects.toMatchObject({
      kind: 'unavailable',
      details: { reason: 'STORE_UNREACHABLE' },
    });
  });
});

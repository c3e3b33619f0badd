import { existsSync } from 'node:fs';
import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it, vi } from 'vitest';
import { openSqliteProjection } from '../../src/adapters/sqlite/sqlite-projection.ts';
import { startFaultProxy } from '../faults/proxies/fault-proxy.ts';
import { type Calls, callsOf } from '../support/calls.ts';
import { fetchCaller } from '../support/fetch-caller.ts';
import { mongoServerOrSkip } from '../support/mongo-server.ts';
import { natsServerOrSkip } from '../support/nats-server.ts';
import { startReplicas } from '../support/replica-processes.ts';
import { startServer } from '../support/server-process.ts';

const mongoUri = await mongoServerOrSkip();
const natsUrl = await natsServerOrSkip();

function newFlag(calls: Calls, flagId: string): Promise<unknown> {
  const variations = [
    { key: 'on', value: true },
    { key: 'off', value: false },
  ];
  return calls.ok('FlagService/CreateFlag', {
    parent: 'projects/default',
    flagId,
    flag: { type: 'FLAG_TYPE_BOOLEAN', variations, defaultVariation: 'off' },
  });
}

describe.skipIf(mongoUri === undefined || natsUrl === undefined)('replicas on one database', () => {
  it.each([
    ['look at its log', {}],
    [
      'tell each other over NATS',
      { VEXIL_NATS_URL: natsUrl ?? '', VEXIL_NATS_PREFIX: `start-${process.pid}` },
    ],
  ])('make one admin key when they start together, and %s', async (_way, env) => {
    await using replicas = await startReplicas(mongoUri ?? '', 3, env);
    const { servers, calls, database } = replicas;
    const makers = servers.filter(({ dataDir }) => existsSync(join(dataDir, 'admin.key')));
    expect(makers).toHaveLength(1);
    expect(servers.filter((server) => server.output().includes('This is the first start'))).toEqual(makers);
    const changes = database.client.db(database.name).collection('changes');
    expect(
      await changes
        .find()
        .sort({ project: 1 })
        .map(({ project, action }) => [project, action])
        .toArray(),
    ).toEqual([
      ['_system', 'key.bootstrap'],
      ['default', 'project.create'],
    ]);
    for (const each of calls) {
      await newFlag(each, `flag-${calls.indexOf(each)}`);
      for (const other of calls)
        await vi.waitFor(
          () =>
            other.ok('FlagService/GetFlag', { name: `projects/default/flags/flag-${calls.indexOf(each)}` }),
          { timeout: 5_000 },
        );
    }
  });

  it('show people the newest definitions in the database, and keep them on their own disks', async () => {
    await using replicas = await startReplicas(mongoUri ?? '', 2);
    const { servers, calls, database } = replicas;
    await newFlag(calls[0] as Calls, 'banner');
    const flags = database.client.db(database.name).collection('flags');
    await vi.waitFor(
      async () =>
        expect(await flags.findOne({ project: 'default', key: 'banner' })).toMatchObject({ version: 2 }),
      { timeout: 10_000 },
    );
    for (const server of servers) await server.stop();
    for (const { dataDir } of servers) expect(existsSync(join(dataDir, 'changes.db'))).toBe(false);
    for (const { dataDir } of servers) {
      await using projection = await openSqliteProjection(dataDir);
      expect(await projection.load('default')).toMatchObject({ revision: 2 });
      expect(await projection.load('_system')).toMatchObject({ revision: 1 });
    }
  });

  it('start with an empty disk from what others left in the database', async () => {
    await using replicas = await startReplicas(mongoUri ?? '', 1);
    const [server] = replicas.servers;
    const [calls] = replicas.calls;
    if (server === undefined || calls === undefined) throw new Error('nobody');
    await newFlag(calls, 'banner');
    const token = server.adminToken;
    await server.stop();
    for (const file of ['projection.db', 'projection.db-wal', 'projection.db-shm', 'admin.key'])
      await rm(join(server.dataDir, file), { force: true });
    await server.restart();
    await callsOf(fetchCaller(server.url), token).ok('FlagService/GetFlag', {
      name: 'projects/default/flags/banner',
    });
    expect(existsSync(join(server.dataDir, 'admin.key'))).toBe(false);
  });

  it('refuse to start with another pepper than the others', async () => {
    await using replicas = await startReplicas(mongoUri ?? '', 1);
    const env = {
      VEXIL_MONGODB_URI: replicas.database.uri,
      VEXIL_MONGODB_DATABASE: replicas.database.name,
      VEXIL_KEY_PEPPER: 'another-pepper-than-that-of-the-others',
    };
    await expect(startServer({ env })).rejects.toThrow('the pepper is not the one of the other replicas');
  });

  it('do not serve what is on their disk with another pepper than they had, and end when it is not the others’', async () => {
    await using replicas = await startReplicas(mongoUri ?? '', 1);
    const [server] = replicas.servers;
    if (server === undefined) throw new Error('nobody');
    await server.stop();
    const { hostname, port, searchParams } = new URL(replicas.database.uri);
    let isAway = true;
    let asked = 0;
    await using proxy = await startFaultProxy({
      target: () => {
        asked++;
        return { host: hostname, port: isAway ? 1 : Number(port) };
      },
    });
    const env = {
      VEXIL_MONGODB_URI: `mongodb://127.0.0.1:${proxy.port}/?${searchParams}`,
      VEXIL_MONGODB_DATABASE: replicas.database.name,
      VEXIL_KEY_PEPPER: 'another-pepper-than-that-of-the-others',
    };
    const { dataDir } = server;
    const waiting = startServer({ env, dataDir });
    const refused = expect(waiting).rejects.toThrow(
      /waits for the log, for the pepper is not the one from before[\s\S]*the pepper is not the one of the other replicas/,
    );
    await vi.waitFor(() => expect(asked).toBeGreaterThan(1), { timeout: 20_000 });
    isAway = false;
    await refused;
    // A disk that does not know which one it was.
    await rm(join(dataDir, 'pepper.agreed'));
    isAway = true;
    await using served = await startServer({ env, dataDir });
    isAway = false;
    await vi.waitFor(() => expect(served.output()).toContain('must not serve, and stops'), {
      timeout: 20_000,
    });
    await vi.waitFor(() => expect(() => process.kill(served.pid, 0)).toThrow(), { timeout: 20_000 });
    expect(await served.kill('SIGKILL')).toMatchObject({ code: 1 });
  }, 90_000);
});

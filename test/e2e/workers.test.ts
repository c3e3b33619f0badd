import { readFileSync } from 'node:fs';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { type Calls, callsOf, list, text } from '../support/calls.ts';
import { follow, keysIn } from '../support/follower.ts';
import { type GrpcCaller, grpcCaller } from '../support/grpc-caller.ts';
import { type ServerProcess, startServer } from '../support/server-process.ts';
import { newFlag, newProject } from './tour/tour.ts';

/** Several processes behind one port, as one service. */

const WORKERS = 2;
const PATIENCE = { timeout: 20_000, interval: 50 };

let server: ServerProcess;
const clients: GrpcCaller[] = [];

beforeAll(async () => {
  server = await startServer({ env: { VEXIL_WORKERS: String(WORKERS) } });
});

afterAll(async () => {
  for (const client of clients) client[Symbol.dispose]();
  await server?.[Symbol.asyncDispose]();
});

/** A connection of its own, which the kernel hands to any of the workers. */
function connection(): GrpcCaller {
  const client = grpcCaller(server.address);
  clients.push(client);
  return client;
}

function connect(): Calls {
  return callsOf(connection().call, server.adminToken);
}

const workerPids = () => childrenOf(server.pid);

function childrenOf(pid: number): number[] {
  const children = readFileSync(`/proc/${pid}/task/${pid}/children`, 'utf8');
  return children.split(' ').filter(Boolean).map(Number);
}

describe('a service with workers', () => {
  it('answers on one port from several processes, which all know what one was told', async () => {
    expect(workerPids()).toHaveLength(WORKERS);
    const project = await newProject(connect(), 'shared');
    await newFlag(connect(), project, 'checkout');
    for (let connection = 0; connection < 8; connection++) {
      const name = `${project}/flags/checkout`;
      await vi.waitFor(async () => {
        const flag = await connect().ok('FlagService/GetFlag', { name });
        expect(flag).toMatchObject({ flag: { name } });
      }, PATIENCE);
    }
    const fleet = await connect().ok('FleetService/ListReplicas');
    expect(
      list(fleet, 'replicas').map((replica) => text(replica, 'name').replace(/.*(worker \d)/, '$1')),
    ).toEqual(expect.arrayContaining(['worker 1', 'worker 2']));
  });

  it('tells watchers of every worker of a change that was made at any of them', async () => {
    const project = await newProject(connect(), 'watched');
    await newFlag(connect(), project, 'checkout');
    const watchers = Array.from({ length: 6 }, () =>
      follow(connection(), {
        token: server.adminToken,
        view: { environment: `${project}/environments/production`, definitions: {} },
      }),
    );
    for (const watcher of watchers) await watcher.start();
    await newFlag(connect(), project, 'payments');
    for (const watcher of watchers) expect(keysIn(await watcher.delta())).toContain('flag payments');
    for (const watcher of watchers) watcher[Symbol.dispose]();
  });

  it('replaces a worker that was killed, and has lost nothing that was acknowledged', async () => {
    const project = await newProject(connect(), 'killed');
    const acknowledged: string[] = [];
    const writers = Array.from({ length: 4 }, async (_, writer) => {
      for (let flag = 0; flag < 6; flag++) {
        const key = `flag-${writer}-${flag}`;
        const made = await newFlag(connect(), project, key).then(
          () => true,
          () => false,
        );
        if (made) acknowledged.push(key);
        if (writer === 0 && flag === 2) process.kill(workerPids()[0] ?? 0, 'SIGKILL');
      }
    });
    const before = workerPids();
    await Promise.all(writers);
    await vi.waitFor(() => {
      const now = workerPids();
      expect(now).toHaveLength(WORKERS);
      expect(now).not.toEqual(before);
    }, PATIENCE);
    await vi.waitFor(async () => {
      const found = await connect().ok('FlagService/ListFlags', { parent: project, pageSize: 100 });
      const names = list(found, 'flags').map((flag) => text(flag, 'name').split('/').at(-1));
      expect(names).toEqual(expect.arrayContaining(acknowledged));
    }, PATIENCE);
    expect(acknowledged.length).toBeGreaterThan(10);
    expect(server.output()).toContain('a worker was lost');
  });

  it('shows the metrics of all of them, and is ready', async () => {
    await vi.waitFor(async () => {
      const metrics = await (await fetch(`${server.managementUrl}/metrics`)).text();
      for (const worker of ['0', '1', '2'])
        expect(metrics).toMatch(new RegExp(`vexil_projects\\{.*worker="${worker}"\\}`));
      expect(metrics.match(/# TYPE vexil_projects gauge/g)).toHaveLength(1);
    }, PATIENCE);
    expect((await fetch(`${server.managementUrl}/readyz`)).status).toBe(200);
  });

  it('ends with all its workers', async () => {
    const pids = workerPids();
    await server.stop();
    for (const pid of pids) expect(() => process.kill(pid, 0)).toThrow('ESRCH');
  });

  it('leaves no workers behind when it is killed', async () => {
    await server.restart();
    const pids = workerPids();
    await server.kill('SIGKILL');
    for (const pid of pids)
      await vi.waitFor(() => expect(() => process.kill(pid, 0)).toThrow('ESRCH'), PATIENCE);
  });

  it('leaves none behind when it is killed while they start', async () => {
    const { promise: pid, resolve: found } = Promise.withResolvers<number>();
    const starting = startServer({ env: { VEXIL_WORKERS: String(WORKERS) }, onStarted: found });
    const failed = expect(starting).rejects.toThrow('it ended with SIGKILL');
    const owner = await pid;
    const children = () => childrenOf(owner);
    await vi.waitFor(() => expect(children()).not.toHaveLength(0), PATIENCE);
    const pids = children();
    process.kill(owner, 'SIGKILL');
    await failed;
    for (const worker of pids)
      await vi.waitFor(() => expect(() => process.kill(worker, 0)).toThrow('ESRCH'), PATIENCE);
  });
});

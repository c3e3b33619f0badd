import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { newFlag, newKey, newProject } from '../e2e/tour/tour.ts';
import { type Calls, callsOf, text } from '../support/calls.ts';
import { fetchCaller } from '../support/fetch-caller.ts';
import { type Follower, follow } from '../support/follower.ts';
import { type GrpcCaller, grpcCaller } from '../support/grpc-caller.ts';
import { mongoServerOrSkip } from '../support/mongo-server.ts';
import { startReplicas } from '../support/replica-processes.ts';
import { toolOrSkip } from '../support/require-tool.ts';
import type { ServerProcess } from '../support/server-process.ts';
import { type Balancer, startBalancer } from './balancer.ts';

const haproxy = toolOrSkip('HAProxy', '/usr/sbin/haproxy', '/usr/local/sbin/haproxy');
const uri = await mongoServerOrSkip();

describe.skipIf(haproxy === undefined || uri === undefined)('behind HAProxy, three replicas', () => {
  const stack = new AsyncDisposableStack();
  let replicas: ServerProcess[];
  let adminToken: string;
  let balancer: Balancer;
  let grpc: GrpcCaller;
  let manage: Calls;
  let project: string;
  let token: string;
  let changes = 0;

  beforeAll(async () => {
    const env = { VEXIL_MANAGEMENT_API: 'management', VEXIL_DRAIN_DELAY_MS: '3000' };
    const fleet = stack.use(await startReplicas(uri ?? '', 3, env));
    replicas = [...fleet.servers];
    adminToken = fleet.adminToken;
    balancer = stack.use(await startBalancer(haproxy ?? '', replicas));
    grpc = stack.use(grpcCaller(balancer.address));
    const colleague = stack.use(grpcCaller(balancer.managementAddress));
    manage = callsOf(colleague.call, adminToken);
    project = await newProject(manage, 'shop');
    await newFlag(manage, project, 'banner');
    token = await newKey(manage, project, { kind: 'KEY_KIND_SERVER', environment: environment() });
    await reached(await change());
  });

  afterAll(() => stack.disposeAsync());

  it('share the calls that come over one connection', async () => {
    const before = await Promise.all(replicas.map(evaluations));
    for (let call = 0; call < 30; call++) await evaluate(grpc.call);
    const after = await Promise.all(replicas.map(evaluations));
    expect(after.map((count, index) => count - (before[index] ?? 0))).toEqual([10, 10, 10]);
  });

  it('answer Connect over HTTP/1.1 and gRPC over HTTP/2 on one port, refusals and their details included', async () => {
    const callers = [grpc.call, fetchCaller(balancer.url)];
    for (const caller of callers) {
      expect(await evaluate(caller)).toMatchObject({ flagKey: 'banner' });
      const calls = callsOf(caller, 'vx_server_nobody_nothing');
      const refused = { code: 'UNAUTHENTICATED', reason: 'KEY_INVALID' };
      expect(await calls.refused('EvaluationService/Evaluate', { flagKey: 'banner' }, refused)).toBeTruthy();
    }
  });

  it('manage on the other port only, and are asked how they are one by one', async () => {
    const calls = callsOf(grpc.call, adminToken);
    await expect(calls.ok('ProjectService/ListProjects')).rejects.toThrow('UNIMPLEMENTED');
    for (const path of ['/metrics', '/readyz', '/livez']) {
      const { status } = await fetch(`http://${balancer.managementAddress}${path}`);
      expect([path, status]).toEqual([path, 404]);
    }
  });

  it('tell watchers, who are spread over them, of every change', async () => {
    const watchers = [watch(), watch(), watch()];
    for (const watcher of watchers) await watcher.start();
    expect(await Promise.all(replicas.map(watches))).toEqual([1, 1, 1]);
    const revision = await change();
    for (const watcher of watchers) {
      expect(await watcher.delta()).toMatchObject({ toRevision: revision });
      watcher[Symbol.dispose]();
    }
  });

  it('go on when one is stopped: no call fails, and its watcher goes on with another', async () => {
    using watcher = watch();
    await watcher.start();
    const index = (await Promise.all(replicas.map(watches))).indexOf(1);
    const [stopped] = replicas.splice(index, 1);
    if (stopped === undefined) throw new Error('nobody has the watcher');
    let calls = 0;
    const end = stopped.stop().then(() => Number.POSITIVE_INFINITY);
    for (let over = 0; over === 0; calls++) {
      await evaluate(grpc.call);
      over = await Promise.race([end, Promise.resolve(0)]);
    }
    expect(calls).toBeGreaterThan(100);
    expect(await watcher.next()).toMatchObject({ goodbye: { reason: 'REASON_SHUTDOWN' } });
    expect(await watcher.next()).toBeUndefined();
    expect(await watcher.stream.ended).toMatchObject({ code: 'UNAVAILABLE' });
    await goesOn(watcher);
  });

  it('go on when one is killed: the others take the calls, and its watcher goes on with another', async () => {
    using watcher = watch();
    await watcher.start();
    const index = (await Promise.all(replicas.map(watches))).indexOf(1);
    await replicas.splice(index, 1)[0]?.kill('SIGKILL');
    expect(await watcher.next()).toBeUndefined();
    expect(await watcher.stream.ended).toMatchObject({
      code: expect.stringMatching(/UNAVAILABLE|CANCELLED|INTERNAL/),
    });
    for (let call = 0; call < 30; call++) await evaluate(grpc.call);
    await goesOn(watcher);
  });

  function environment(): string {
    return `${project}/environments/production`;
  }

  /** Makes a change and says which revision it was. */
  async function change(): Promise<string> {
    const request = { name: `${environment()}/flags/banner`, weight: ++changes };
    return text(await manage.ok('FlagService/SetRollout', request), 'receipt', 'revision');
  }

  /** Until then a replica need not know the key. */
  async function reached(revision: string): Promise<void> {
    for (const { url } of replicas) {
      const calls = callsOf(fetchCaller(url), token);
      const evaluate = () =>
        calls.ok('EvaluationService/Evaluate', { flagKey: 'banner', minRevision: revision });
      await vi.waitFor(evaluate, { timeout: 20_000, interval: 100 });
    }
  }

  async function evaluate(caller: GrpcCaller['call']) {
    return await callsOf(caller, token).ok('EvaluationService/Evaluate', {
      flagKey: 'banner',
      context: { targetingKey: 'anna' },
    });
  }

  function watch(from?: Follower): Follower {
    const resumed = from && { resumeToken: from.resumeToken, revision: from.revision };
    return follow(grpc, { view: { definitions: {} }, token, ...resumed });
  }

  async function goesOn(from: Follower): Promise<void> {
    using watcher = watch(from);
    expect((await watcher.start()).hello).toMatchObject({ intent: 'INTENT_NOTHING' });
    expect(await change()).toBe((await watcher.delta()).toRevision);
  }
});

async function watches({ managementUrl }: ServerProcess): Promise<number> {
  return await sum(managementUrl, /^vexil_watchers(?:\{.*\})? (\d+)/);
}

async function evaluations({ managementUrl }: ServerProcess): Promise<number> {
  return await sum(
    managementUrl,
    /^rpc_server_call_duration_count\{.*EvaluationService\/Evaluate".*\} (\d+)/,
  );
}

async function sum(managementUrl: string, pattern: RegExp): Promise<number> {
  const body = await (await fetch(`${managementUrl}/metrics`)).text();
  return body.split('\n').reduce((total, line) => total + Number(pattern.exec(line)?.[1] ?? 0), 0);
}

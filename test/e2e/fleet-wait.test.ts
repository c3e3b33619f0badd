import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { runCli } from '../cli/run-cli.ts';
import type { Calls } from '../support/calls.ts';
import { mongoServerOrSkip } from '../support/mongo-server.ts';
import { type NatsProcess, natsProcess, natsProgramOrSkip } from '../support/nats-server.ts';
import { type Replicas, startReplicas } from '../support/replica-processes.ts';
import type { Message } from '../support/stock-protos.ts';

const mongoUri = await mongoServerOrSkip();
const natsProgram = natsProgramOrSkip();

const FLAG = 'projects/default/environments/production/flags/checkout';
const ALL = ['replica-0', 'replica-1', 'replica-2'];
/** Longer than a dead replica counts as live. */
const FORGOTTEN = { timeout: 20_000, interval: 250 };

describe.skipIf(mongoUri === undefined || natsProgram === undefined)('three replicas', () => {
  let nats: NatsProcess;
  let replicas: Replicas;
  let calls: Calls;
  beforeAll(async () => {
    nats = await natsProcess(natsProgram ?? '');
    await nats.start();
    replicas = await startReplicas(mongoUri ?? '', 3, {
      VEXIL_NATS_URL: nats.url,
      VEXIL_NATS_PREFIX: `test-${randomUUID()}`,
    });
    calls = replicas.calls[0] as Calls;
    await vi.waitFor(async () => expect(await names()).toEqual(ALL), FORGOTTEN);
    await calls.ok('FlagService/CreateFlag', {
      ...{ parent: 'projects/default', flagId: 'checkout', flag: { type: 'FLAG_TYPE_BOOLEAN' } },
      enabledEnvironments: ['production'],
    });
  });
  afterAll(async () => {
    await replicas?.[Symbol.asyncDispose]();
    await nats?.[Symbol.asyncDispose]();
  });

  async function listed(): Promise<readonly Message[]> {
    const { replicas: found } = await calls.ok('FleetService/ListReplicas');
    return found as readonly Message[];
  }

  async function names(): Promise<readonly unknown[]> {
    return (await listed()).map(({ name }) => name);
  }

  /** Halts or resumes, and says how far the fleet was. */
  async function change(method: 'HaltFlag' | 'ResumeFlag', waitForFleetMs: number) {
    const { receipt } = await calls.ok(`FlagService/${method}`, { name: FLAG, options: { waitForFleetMs } });
    const { revision, fleet } = receipt as { revision: string; fleet: Message & { replicas: Message[] } };
    const reached = fleet.replicas.filter((each) => each.reached === true).map(({ name }) => name);
    return { revision, fleet, reached };
  }

  it('all have a halt, and say so, before it is answered', async () => {
    const { fleet, reached, revision } = await change('HaltFlag', 10_000);
    expect(fleet).toMatchObject({ complete: true, membersKnown: true });
    expect(reached).toEqual(ALL);
    for (const { revisions } of await listed())
      expect(revisions).toMatchObject({ 'projects/default': revision });
    expect((await change('ResumeFlag', 10_000)).reached).toEqual(ALL);
  });

  it('are told of by the command line, by name', async () => {
    const [server] = replicas.servers;
    const env = { VEXIL_SERVER: server?.url ?? '', VEXIL_TOKEN: replicas.adminToken };
    const args = ['flag', 'halt', 'checkout', '-e', 'production', '--wait', '10s'];
    const halted = await runCli(args, { env });
    expect(halted).toMatchObject({ code: 0, stderr: '' });
    expect(halted.stdout).toMatch(/^3 of 3 replicas have revision \d+ after \d/m);
    for (const name of ALL) expect(halted.stdout).toMatch(new RegExp(`^ {2}${name}: after `, 'm'));
    const list = await runCli(['fleet', 'list'], { env });
    expect(list.stdout.match(/replica-\d/g)).toEqual(ALL);
    await change('ResumeFlag', 10_000);
  });

  it('all have it without NATS as well', async () => {
    await nats.kill();
    const { fleet, reached } = await change('HaltFlag', 10_000);
    expect(fleet).toMatchObject({ complete: true, membersKnown: true });
    expect(reached).toEqual(ALL);
    await nats.start();
    expect((await change('ResumeFlag', 10_000)).reached).toEqual(ALL);
  });

  it('but the one that stands still, which lags by name, and catches up when it goes on', async () => {
    const [, , last] = replicas.servers;
    process.kill(last?.pid ?? 0, 'SIGSTOP');
    try {
      const { fleet, reached } = await change('HaltFlag', 1_000);
      expect(fleet.complete).toBeUndefined();
      expect(fleet.membersKnown).toBe(true);
      expect(reached).toEqual(ALL.slice(0, 2));
      expect(fleet.replicas.map(({ name }) => name)).toEqual(ALL);
    } finally {
      process.kill(last?.pid ?? 0, 'SIGCONT');
    }
    expect((await change('ResumeFlag', 20_000)).reached).toEqual(ALL);
  });

  it('are two when one has left in good order, and after a while when one was killed', async () => {
    const [, second, third] = replicas.servers;
    await third?.stop();
    await vi.waitFor(async () => expect(await names()).toEqual(ALL.slice(0, 2)));
    await second?.kill('SIGKILL');
    expect(await names()).toEqual(ALL.slice(0, 2));
    await vi.waitFor(async () => expect(await names()).toEqual(ALL.slice(0, 1)), FORGOTTEN);
    expect(await change('HaltFlag', 10_000)).toMatchObject({
      fleet: { complete: true },
      reached: ['replica-0'],
    });
  });
});

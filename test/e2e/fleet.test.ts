import { randomBytes } from 'node:crypto';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it, vi } from 'vitest';
import { openSqliteProjection } from '../../src/adapters/sqlite/sqlite-projection.ts';
import { mintToken } from '../../src/app/key-token.ts';
import { runCli } from '../cli/run-cli.ts';
import { type Fleet, startFleet } from '../faults/fleet/fleet.ts';
import type { FleetReplica } from '../faults/fleet/fleet-replica.ts';
import { type Calls, callsOf, list, text } from '../support/calls.ts';
import { type Follower, follow } from '../support/follower.ts';
import type { GrpcCaller } from '../support/grpc-caller.ts';
import { mongoServerOrSkip } from '../support/mongo-server.ts';
import { natsProgramOrSkip } from '../support/nats-server.ts';
import type { Message } from '../support/stock-protos.ts';
import { newFlag, newKey, newProject } from './tour/tour.ts';

/** Three processes on MongoDB and NATS, each with a proxy on its way to either: what somebody in front of them sees. */

const mongoUri = await mongoServerOrSkip();
const natsProgram = natsProgramOrSkip();

const ANNA = { targetingKey: 'anna' };
const SOON = { timeout: 10_000, interval: 50 };

let fleet: Fleet;
let project: string;
let key: string;
let projects = 0;

function replica(number: number): FleetReplica {
  const found = fleet.replicas[number];
  if (found === undefined) throw new Error(`no replica ${number}`);
  return found;
}

function grpc(number: number): GrpcCaller {
  const caller = replica(number).grpc();
  if (caller === undefined) throw new Error(`replica ${number} is down`);
  return caller;
}

const as = (number: number, token = fleet.adminToken): Calls => callsOf(grpc(number).call, token);
const settings = (flag: string) => `${project}/environments/production/flags/${flag}`;

/** What a replica answers; `minRevision` makes it look at the log first. */
function evaluate(number: number, flagKey: string, minRevision = '0'): Promise<Message> {
  return as(number, key).ok('EvaluationService/Evaluate', { flagKey, context: ANNA, minRevision });
}

async function change(number: number, method: string, request: Message): Promise<string> {
  return text(await as(number).ok(`FlagService/${method}`, request), 'receipt', 'revision');
}

/** The command line, on the way through one of them. */
async function cli(number: number, ...args: readonly string[]): Promise<string> {
  const env = {
    VEXIL_SERVER: replica(number).server.url,
    VEXIL_TOKEN: fleet.adminToken,
    VEXIL_PROJECT: project.replace('projects/', ''),
  };
  const { code, stdout, stderr } = await runCli(args, { env });
  if (code !== 0) throw new Error(`vexil ${args.join(' ')} ended with ${code}: ${stderr}`);
  return stdout;
}

async function state(number: number): Promise<{ status: number; body: Message }> {
  const response = await fetch(`${replica(number).server.managementUrl}/readyz`);
  return { status: response.status, body: (await response.json()) as Message };
}

/** Keeps a replica from reaching MongoDB, and perhaps NATS, until it is healed. */
function cutOff({ mongo, nats }: FleetReplica, both = false): void {
  for (const proxy of [mongo, ...(both ? [nats.tcp] : [])]) {
    proxy.refuse(true);
    proxy.cut();
  }
}

/** What a replica has on its disk. */
async function savedRevision(number: number): Promise<number> {
  await using projection = await openSqliteProjection(replica(number).dataDir);
  return (await projection.at(project.replace('projects/', '')))?.revision ?? 0;
}

function watch(number: number, more: Partial<Parameters<typeof follow>[1]> = {}): Follower {
  return follow(grpc(number), { token: key, view: { decisions: { context: ANNA } }, ...more });
}

describe.skipIf(mongoUri === undefined || natsProgram === undefined)('three replicas', () => {
  beforeAll(async () => {
    fleet = await startFleet({ mongoUri: mongoUri ?? '', natsProgram: natsProgram ?? '', seed: 1 });
  }, 60_000);
  afterAll(async () => {
    await fleet?.[Symbol.asyncDispose]();
  });

  beforeEach(async () => {
    projects++;
    project = await newProject(as(0), `shop-${projects}`);
    for (const flag of ['checkout', 'search']) await newFlag(as(0), project, flag);
    key = await newKey(as(0), project, {
      kind: 'KEY_KIND_SERVER',
      environment: `${project}/environments/production`,
    });
  });
  afterEach(async () => {
    await fleet.heal();
  }, 60_000);

  it('all know at once what was made on one, and all of them that a halt is in force', async () => {
    const revision = await change(1, 'CreateRule', {
      name: settings('checkout'),
      rule: { id: 'everybody', serve: { variation: 'on' } },
    });
    for (const number of [0, 1, 2])
      expect(await evaluate(number, 'checkout', revision)).toMatchObject({ ruleId: 'everybody' });
    const said = await cli(2, 'flag', 'halt', 'checkout', '--reason', 'fire', '--wait', '10s');
    expect(said).toContain('3 of 3 replicas have revision');
    for (const number of [0, 1, 2])
      expect(await evaluate(number, 'checkout')).toMatchObject({ reason: 'REASON_HALTED' });
  });

  it('go on with each other’s watches, also of one that died', async () => {
    using first = watch(0);
    await first.start();
    await change(1, 'HaltFlag', { name: settings('checkout') });
    expect(list(await first.delta(), 'decisions')).toMatchObject([{ reason: 'REASON_HALTED' }]);
    await replica(0).kill();
    await evaluate(1, 'search', await change(2, 'HaltFlag', { name: settings('search') }));
    const { revision, resumeToken } = first;
    using second = watch(1, { resumeToken, revision });
    const { hello, content } = await second.start();
    expect(hello).toMatchObject({ intent: 'INTENT_CHANGES', reason: 'INTENT_REASON_RESUMED' });
    expect(content).toMatchObject([{ delta: { decisions: [{ flagKey: 'search' }] } }]);
  });

  it('answer on while MongoDB is away, say how old that is, and take no word for it', async () => {
    const revision = await change(0, 'HaltFlag', { name: settings('search') });
    for (const number of [0, 1, 2]) await evaluate(number, 'search', revision);
    using watching = watch(1);
    await watching.start();
    for (const each of fleet.replicas) cutOff(each);
    const before = Date.now();
    await vi.waitFor(async () => {
      for (const number of [0, 1, 2])
        expect(Number((await state(number)).body.stalenessMs)).toBeGreaterThan(3_000);
    }, SOON);
    expect(Number((await state(0)).body.stalenessMs)).toBeLessThan(Date.now() - before + 5_000);
    const unknown = mintToken('server', randomBytes).token;
    for (const number of [0, 1, 2]) {
      expect(await evaluate(number, 'search')).toMatchObject({ reason: 'REASON_HALTED', revision });
      expect((await state(number)).status).toBe(200);
      const refusal = await as(number).refused(
        'FlagService/ResumeFlag',
        { name: settings('search') },
        { code: 'UNAVAILABLE', reason: 'STORE_UNREACHABLE' },
      );
      expect([...refusal.details.keys()]).toContain('RetryInfo');
      const wanted = { flagKey: 'search', context: ANNA, minRevision: String(Number(revision) + 1) };
      await as(number, key).refused('EvaluationService/Evaluate', wanted, { code: 'UNAVAILABLE' });
    }
    await as(0, unknown).refused(
      'EvaluationService/Evaluate',
      { flagKey: 'search' },
      { code: 'UNAVAILABLE', reason: 'KEY_UNVERIFIED' },
    );
    for (const each of fleet.replicas) each.heal();
    await vi.waitFor(() => change(1, 'ResumeFlag', { name: settings('search') }), SOON);
    expect(list(await watching.delta(), 'decisions')).toMatchObject([{ reason: 'REASON_DEFAULT' }]);
    await vi.waitFor(
      () =>
        as(0, unknown).refused(
          'EvaluationService/Evaluate',
          { flagKey: 'search' },
          { code: 'UNAUTHENTICATED' },
        ),
      SOON,
    );
  }, 60_000);

  it('serve from their disk when they are started with nothing else there, and then get on', async () => {
    using watching = watch(2);
    await watching.start();
    const { revision, resumeToken } = watching;
    const cut = replica(2);
    // What it saved was a second ago.
    await vi.waitFor(async () => expect(await savedRevision(2)).toBe(revision), SOON);
    cutOff(cut, true);
    await cut.kill();
    await change(0, 'HaltFlag', { name: settings('checkout') });
    await cut.start();
    expect(cut.server.output()).toContain('begins with what was saved, for the log cannot be reached');
    expect(await evaluate(2, 'checkout')).toMatchObject({ reason: 'REASON_DEFAULT' });
    await as(2).refused('FlagService/HaltFlag', { name: settings('search') }, { code: 'UNAVAILABLE' });
    using resumed = watch(2, { resumeToken, revision });
    expect((await resumed.start()).hello).toMatchObject({ intent: 'INTENT_NOTHING' });
    cut.heal();
    expect(list(await resumed.delta(), 'decisions')).toMatchObject([{ reason: 'REASON_HALTED' }]);
    await vi.waitFor(async () => expect((await state(2)).body).toMatchObject({ ready: true }), SOON);
  }, 60_000);

  it('make a scheduled change once', async () => {
    const at = new Date(Date.now() + 1_500).toISOString();
    await as(1).ok('FlagService/CreateScheduledChange', {
      name: settings('search'),
      scheduledChange: { time: at, enabled: false },
    });
    for (const number of [0, 1, 2])
      await vi.waitFor(
        async () => expect(await evaluate(number, 'search')).toMatchObject({ reason: 'REASON_DISABLED' }),
        SOON,
      );
    const { revisions } = await as(2).ok('HistoryService/ListRevisions', {
      parent: project,
      actor: 'schedule',
    });
    expect(revisions).toHaveLength(1);
  });

  it('lose nothing but one flag by a broken document in MongoDB', async () => {
    const changes = fleet.database.client.db(fleet.database.name).collection('changes');
    const of = project.replace('projects/', '');
    const newest = await changes.findOne({ project: of }, { sort: { revision: -1 } });
    const revision = Number(newest?.revision) + 1;
    await changes.insertOne({
      ...newest,
      ...{ _id: undefined as never, revision, idempotencyKey: 'by hand', hash: 'f'.repeat(64) },
      body: '{"format":1,',
    });
    const halted = await change(0, 'HaltFlag', { name: settings('search') });
    expect(Number(halted)).toBe(revision + 1);
    for (const number of [0, 1, 2]) {
      expect(await evaluate(number, 'search', halted)).toMatchObject({ reason: 'REASON_HALTED' });
      expect(await evaluate(number, 'checkout')).toMatchObject({ reason: 'REASON_DEFAULT' });
      expect((await state(number)).body).toMatchObject({ ready: true, damaged: 0, forked: 0 });
      expect(Number((await state(number)).body.quarantined)).toBeGreaterThan(0);
    }
    expect(await cli(1, 'fleet', 'list')).toContain(`revision ${revision}`);
  });

  it('follow no log that was taken back, until somebody says so', async () => {
    const changes = fleet.database.client.db(fleet.database.name).collection('changes');
    const halted = await change(0, 'HaltFlag', { name: settings('search') });
    for (const number of [0, 1, 2]) await evaluate(number, 'search', halted);
    using watching = watch(1);
    await watching.start();
    // Whoever plans a change has seen the newest one in the log.
    for (const number of [0, 1, 2])
      await as(number).ok('FlagService/HaltFlag', {
        name: settings('checkout'),
        options: { validateOnly: true },
      });
    await changes.deleteOne({ project: project.replace('projects/', ''), revision: Number(halted) });
    for (const number of [0, 1, 2])
      await vi.waitFor(
        async () => expect(Number((await state(number)).body.forked)).toBeGreaterThan(0),
        SOON,
      );
    expect(await evaluate(2, 'search')).toMatchObject({ reason: 'REASON_HALTED' });
    await as(1).refused(
      'FlagService/HaltFlag',
      { name: settings('checkout') },
      { code: 'FAILED_PRECONDITION', reason: 'LOG_FORKED' },
    );
    const [, head = ''] = /vexil history adopt ([0-9a-f]{64})/.exec(await cli(0, 'history', 'adopt')) ?? [];
    expect(await cli(0, 'history', 'adopt', head, '--yes')).toContain(`adopted at revision ${halted}`);
    for (const number of [0, 1, 2])
      await vi.waitFor(async () => expect(Number((await state(number)).body.forked)).toBe(0), SOON);
    expect(await evaluate(2, 'search')).toMatchObject({ reason: 'REASON_DEFAULT' });
    expect(await watching.next()).toMatchObject({ hello: { reason: 'INTENT_REASON_HISTORY_REWRITTEN' } });
    await change(2, 'HaltFlag', { name: settings('checkout') });
  });
});

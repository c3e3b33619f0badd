import { randomUUID } from 'node:crypto';
import { connect } from 'nats';
import { describe, expect, it } from 'vitest';
import { type Calls, callsOf, list, text } from '../support/calls.ts';
import { grpcCaller } from '../support/grpc-caller.ts';
import { mongoServerOrSkip } from '../support/mongo-server.ts';
import { natsServerOrSkip } from '../support/nats-server.ts';
import { type Replicas, startReplicas } from '../support/replica-processes.ts';
import { isMessage, type Message } from '../support/stock-protos.ts';
import { newFlag, newKey, newProject } from './tour/tour.ts';

const mongoUri = await mongoServerOrSkip();
const natsUrl = await natsServerOrSkip();

const CALLS = 10_000;
const IN_FLIGHT = 64;
const PATIENCE = { timeout: 60_000, interval: 250 };

/** Two replicas whose queue is a stream of their own, with a flag that half of all get, and stock clients to both. */
interface Fleet extends AsyncDisposable {
  readonly replicas: Replicas;
  readonly environment: string;
  readonly admins: readonly Calls[];
  readonly shops: readonly Calls[];
}

async function openFleet(): Promise<Fleet> {
  await using stack = new AsyncDisposableStack();
  const prefix = `exposures-${randomUUID()}`;
  stack.defer(() => removeStream(prefix));
  const replicas = stack.use(
    await startReplicas(mongoUri ?? '', 2, {
      ...{ VEXIL_NATS_URL: natsUrl ?? '', VEXIL_NATS_PREFIX: prefix },
      VEXIL_EXPOSURES_QUEUE_BYTES: String(64 * 2 ** 20),
    }),
  );
  const clients = replicas.servers.map(({ address }) => stack.use(grpcCaller(address)));
  const admins = clients.map(({ call }) => callsOf(call, replicas.adminToken));
  const [admin] = admins as [Calls, Calls];
  const parent = await newProject(admin, 'shop');
  const environment = `${parent}/environments/production`;
  await newFlag(admin, parent, 'checkout');
  const half = [
    { variation: 'on', weight: 50_000 },
    { variation: 'off', weight: 50_000 },
  ];
  await admin.ok('FlagService/CreateRule', {
    name: `${environment}/flags/checkout`,
    rule: { id: 'half', serve: { split: { variations: half } } },
  });
  const token = await newKey(admin, parent, { kind: 'KEY_KIND_SERVER', environment });
  const all = stack.move();
  const shops = admins.map((calls) => calls.as(token));
  return { replicas, environment, admins, shops, [Symbol.asyncDispose]: () => all.disposeAsync() };
}

async function removeStream(prefix: string): Promise<void> {
  const nats = await connect({ servers: natsUrl ?? '' });
  const manager = await nats.jetstreamManager();
  await manager.streams.delete(`${prefix}=exposures`).catch(() => undefined);
  await nats.close();
}

/** Evaluates for so many people, and says how often each variation was the answer. */
async function evaluate(shops: readonly Calls[], count: number, name: string): Promise<Map<string, number>> {
  const got = new Map<string, number>();
  let next = 0;
  const caller = async () => {
    while (next < count) {
      const number = next++;
      const context = { targetingKey: `${name}-${number % 3_000}` };
      const shop = shops[number % shops.length] as Calls;
      const { variation } = await shop.ok('EvaluationService/Evaluate', { flagKey: 'checkout', context });
      got.set(String(variation), (got.get(String(variation)) ?? 0) + 1);
    }
  };
  await Promise.all(Array.from({ length: IN_FLIGHT }, caller));
  return got;
}

async function account(calls: Calls): Promise<Message> {
  const { total } = await calls.ok('AnalyticsService/GetLedger');
  return isMessage(total) ? total : {};
}

/** By variation, of the whole environment. */
async function totals(calls: Calls, parent: string, step?: string): Promise<Map<string, number>> {
  const answer = await calls.ok('AnalyticsService/QueryEvaluations', { parent, ...(step && { step }) });
  const found = new Map<string, number>();
  for (const series of list(answer, 'series'))
    for (const { count } of list(series, 'points')) {
      const variation = text(series, 'variation');
      found.set(variation, (found.get(variation) ?? 0) + Number(count));
    }
  return found;
}

function sum(counts: ReadonlyMap<string, number>): number {
  return [...counts.values()].reduce((all, count) => all + count, 0);
}

describe.skipIf(mongoUri === undefined || natsUrl === undefined)('replicas with MongoDB and NATS', () => {
  it('count each evaluation once, whichever of them answered', { timeout: 180_000 }, async () => {
    await using fleet = await openFleet();
    const { admins, shops, environment } = fleet;
    const got = await evaluate(shops, CALLS, 'customer');
    expect([...got.keys()].sort()).toEqual(['off', 'on']);
    const balanced = { accepted: String(CALLS), stored: String(CALLS), balanced: true };
    for (const admin of admins) await expect.poll(() => account(admin), PATIENCE).toMatchObject(balanced);
    for (const admin of admins)
      for (const step of ['TIME_STEP_MINUTE', 'TIME_STEP_HOUR', 'TIME_STEP_DAY'])
        expect(await totals(admin, environment, step)).toEqual(got);
  });

  it('account for all that a replica had accepted when it was killed', { timeout: 180_000 }, async () => {
    await using fleet = await openFleet();
    const { admins, shops, environment, replicas } = fleet;
    const [dying, other] = replicas.servers;
    const [, admin] = admins as [Calls, Calls];
    await evaluate(shops, 500, 'early');
    const doomed = evaluate(shops.slice(0, 1), 1_000_000, 'late').catch(() => undefined);
    await expect.poll(async () => Number((await account(admin)).accepted), PATIENCE).toBeGreaterThan(1_000);
    await dying?.kill('SIGKILL');
    await doomed;
    await dying?.restart();
    await expect.poll(() => account(admin), PATIENCE).toMatchObject({ balanced: true });
    const { stored, accepted, lost } = await account(admin);
    expect(Number(accepted)).toBeGreaterThan(1_000);
    const killed = isMessage(lost) ? Number(lost.killed ?? 0) : 0;
    expect(Number(stored) + killed).toBe(Number(accepted));
    expect(sum(await totals(admin, environment))).toBe(Number(stored));
    expect(other?.output()).not.toContain('cannot be read');
  });
});

import { setTimeout as pause } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type Calls, callsOf } from '../support/calls.ts';
import { type GrpcCaller, grpcCaller } from '../support/grpc-caller.ts';
import { type ServerProcess, startServer } from '../support/server-process.ts';
import type { Message } from '../support/stock-protos.ts';
import { newFlag, newKey, newProject } from './tour/tour.ts';

/** A shop whose new checkout fails for every other customer as soon as a fifth of them have it, and its guard. */

const CUSTOMERS = Array.from({ length: 1_000 }, (_, index) => `customer-${index}`);
const LONGEST_MS = 90_000;
const GUARD = {
  direction: 'GUARD_DIRECTION_HIGHER_IS_WORSE',
  threshold: 2_000,
  minSample: 20,
  windowS: 3,
  stages: [5_000, 20_000, 100_000],
};

let server: ServerProcess;
let grpc: GrpcCaller;
beforeAll(async () => {
  server = await startServer();
  grpc = grpcCaller(server.address);
});
afterAll(async () => {
  grpc?.[Symbol.dispose]();
  await server?.[Symbol.asyncDispose]();
});

interface Shop {
  readonly admin: Calls;
  /** Of the flag's settings in production. */
  readonly name: string;
  readonly parent: string;
  readonly shop: Calls;
}

async function open(project: string, onRegression: string): Promise<Shop> {
  const admin = callsOf(grpc.call, server.adminToken);
  const parent = await newProject(admin, project);
  const environment = `${parent}/environments/production`;
  await newFlag(admin, parent, 'checkout');
  const name = `${environment}/flags/checkout`;
  await admin.ok('FlagService/CreateRule', {
    name,
    rule: {
      id: 'rollout',
      rollout: { weight: 5_000 },
      serve: { variation: 'on' },
      guard: { ...GUARD, onRegression },
    },
  });
  const token = await newKey(admin, parent, { kind: 'KEY_KIND_SERVER', environment });
  return { admin, name, parent, shop: admin.as(token) };
}

/** Every customer comes once; what breaks is reported. */
async function aDay({ shop }: Shop): Promise<void> {
  const decided = await Promise.all(
    CUSTOMERS.map(async (targetingKey) => {
      const asked = { flagKey: 'checkout', context: { targetingKey } };
      const { boolValue } = await shop.ok('EvaluationService/Evaluate', asked);
      return { targetingKey, isNew: boolValue === true };
    }),
  );
  const withNew = decided.filter(({ isNew }) => isNew);
  if (withNew.length < CUSTOMERS.length / 10) return;
  const broken = withNew.filter((_, index) => index % 2 === 0);
  await shop.ok('TelemetryService/ReportEvents', {
    events: broken.map(({ targetingKey }) => ({
      name: 'payment failed',
      kind: 'EVENT_KIND_ERROR',
      context: { targetingKey },
    })),
  });
}

/** Goes on until the guard has acted on what it saw. */
async function untilItRests(opened: Shop): Promise<Message> {
  const deadline = Date.now() + LONGEST_MS;
  for (;;) {
    await aDay(opened);
    const { settings } = await opened.admin.ok('FlagService/GetFlagSettings', { name: opened.name });
    const [rule] = (settings as { rules: { guardState: { watching?: boolean } }[] }).rules;
    if (rule !== undefined && rule.guardState.watching !== true) return settings as Message;
    if (Date.now() > deadline) throw new Error(`the guard still watches: ${JSON.stringify(settings)}`);
    await pause(100);
  }
}

/** What the guard did, newest first. */
async function deeds({ admin, parent }: Shop): Promise<readonly Message[]> {
  const { revisions } = await admin.ok('HistoryService/ListRevisions', { parent });
  return (revisions as readonly Message[]).filter(({ actor }) => actor === 'guard');
}

describe('a guarded rollout of what breaks at 20 %', { timeout: LONGEST_MS + 30_000 }, () => {
  it('gets there while all is well, and is stepped back, with the numbers, when it is not', async () => {
    const opened = await open('stepping-back', 'GUARD_ACTION_STEP_BACK');
    const settings = await untilItRests(opened);
    expect(settings).toMatchObject({ enabled: true, rules: [{ id: 'rollout', rollout: { weight: 5_000 } }] });
    expect(settings).not.toHaveProperty('halt');
    const [back, forward, ...others] = await deeds(opened);
    expect(others).toEqual([]);
    expect(forward).toMatchObject({
      action: 'flag.guard.forward',
      reason: expect.stringMatching(
        /^0 of \d+ people with on \(0 %\) had an error or a crash .* from 5 % to 20 %$/,
      ),
    });
    expect(back).toMatchObject({
      action: 'flag.guard.back',
      reason: expect.stringMatching(/^\d+ of \d+ people with on \([\d.]+ %\) .*back from 20 % to 5 %$/),
    });
  });

  it('is halted, with the numbers, if that is what the guard is for', async () => {
    const opened = await open('halting', 'GUARD_ACTION_HALT');
    const settings = await untilItRests(opened);
    expect(settings).toMatchObject({
      halt: { actor: 'guard', reason: expect.stringMatching(/^\d+ of \d+ people with on .*: halted$/) },
      rules: [{ id: 'rollout', rollout: { weight: 20_000 } }],
    });
    const [halt] = await deeds(opened);
    expect(halt).toMatchObject({ action: 'flag.guard.halt' });
    const asked = { flagKey: 'checkout', context: { targetingKey: 'customer-1' } };
    expect(await opened.shop.ok('EvaluationService/Evaluate', asked)).toMatchObject({
      reason: 'REASON_HALTED',
    });
  });
});

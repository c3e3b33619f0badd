import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { type Calls, callsOf, list, text } from '../support/calls.ts';
import { type Follower, follow, keysIn } from '../support/follower.ts';
import { type GrpcCaller, grpcCaller } from '../support/grpc-caller.ts';
import { type ServerProcess, startServer } from '../support/server-process.ts';
import type { Message } from '../support/stock-protos.ts';
import { newFlag, newProject } from './tour/tour.ts';

/** WatchFlags of a real process, through everything that may happen to it. */

const VIEWS = {
  definitions: { definitions: {} },
  decisions: { decisions: { context: { targetingKey: 'anna' } } },
} as const;
const SOON_MS = 1_500;

let server: ServerProcess;
let grpc: GrpcCaller;
let calls: Calls;
let project: string;
let key: { readonly name: string; readonly token: string };
let projects = 0;
const clients: GrpcCaller[] = [];

beforeAll(async () => {
  server = await startServer();
  connect();
});

afterAll(async () => {
  for (const client of clients) client[Symbol.dispose]();
  await server?.[Symbol.asyncDispose]();
});

beforeEach(async () => {
  projects++;
  project = await newProject(calls, `watched-${projects}`);
  for (const flag of ['checkout', 'payments', 'search']) await newFlag(calls, project, flag);
  await calls.ok('SegmentService/CreateSegment', { parent: project, segmentId: 'beta' });
  const condition = { segment: { segments: ['beta'] } };
  const rule = { id: 'beta', condition, serve: { variation: 'on' } };
  await calls.ok('FlagService/CreateRule', { name: settings('search'), rule });
  key = await serverKey();
});

describe('a watcher', () => {
  it('gets every change, whatever its cause, as one step from where it is', async () => {
    using definitions = watch('definitions');
    using decisions = watch('decisions');
    expect((await definitions.start()).hello).toMatchObject({ intent: 'INTENT_FULL' });
    expect((await decisions.start()).hello).toMatchObject({ intent: 'INTENT_FULL' });
    /** Both are told the same step, in their own ways, and nothing before it. */
    const expectStep = async (to: number, definition: string, decided: string[], cause = 'CAUSE_CHANGE') => {
      const step = { toRevision: String(to), cause };
      const told = await definitions.delta();
      expect([told, keysIn(told)]).toMatchObject([step, [definition]]);
      const answered = await decisions.delta();
      expect([answered, keysIn(answered)]).toMatchObject([step, decided]);
    };
    const expectChange = async (change: Promise<Message>, definition: string, decided: string[]) =>
      await expectStep(Number(text(await change, 'receipt', 'revision')), definition, decided);

    const everybody = { name: settings('checkout'), weight: 100_000 };
    await expectChange(calls.ok('FlagService/SetRollout', everybody), 'flag checkout', ['checkout on']);

    const payments = { name: settings('payments'), weight: 100_000 };
    await expectChange(calls.ok('FlagService/SetRollout', payments), 'flag payments', ['payments on']);
    const prerequisite = { flag: 'payments', variations: ['on'] };
    await expectChange(
      calls.ok('FlagService/SetPrerequisite', { name: settings('checkout'), prerequisite }),
      'flag checkout',
      ['checkout on'],
    );

    const segment = { name: `${project}/segments/beta`, included: ['anna'] };
    await expectChange(calls.ok('SegmentService/UpdateSegment', { segment }), 'segment beta', ['search on']);

    const halt = { name: settings('payments'), reason: 'on fire' };
    await expectChange(calls.ok('FlagService/HaltFlag', halt), 'flag payments', [
      'checkout off',
      'payments off',
    ]);

    const planned = { id: 'resume', time: soon(), resume: true };
    await expectChange(
      calls.ok('FlagService/CreateScheduledChange', { name: settings('payments'), scheduledChange: planned }),
      'flag payments',
      ['payments off'],
    );
    await expectStep(definitions.revision + 1, 'flag payments', ['checkout on', 'payments on']);

    const ramp = { steps: { steps: [{ startTime: soon(), weight: 0 }] } };
    const rule = { id: 'rollout', ramp, rollout: { weight: 100_000 }, serve: { variation: 'on' } };
    await expectChange(
      calls.ok('FlagService/UpdateRule', { name: settings('checkout'), rule }),
      'flag checkout',
      ['checkout on'],
    );
    await expectStep(definitions.revision, 'flag checkout', ['checkout off'], 'CAUSE_SCHEDULE');
    expect(definitions.revision).toBe(decisions.revision);
  });

  it.each(['definitions', 'decisions'] as const)(
    'of %s goes on where it was after the process was killed',
    async (view) => {
      const before = watch(view);
      await before.start();
      before.stream.cancel();
      const unseen = { name: settings('checkout'), weight: 100_000 };
      await calls.ok('FlagService/SetRollout', unseen);
      await server.kill('SIGKILL');
      await server.restart();
      connect();
      await calls.ok('FlagService/SetRollout', { name: settings('payments'), weight: 100_000 });

      using after = watch(view, before);
      const { hello, content } = await after.start();
      expect(hello).toMatchObject({ intent: 'INTENT_CHANGES', reason: 'INTENT_REASON_RESUMED' });
      expect(content).toHaveLength(1);
      const keys = {
        definitions: ['flag checkout', 'flag payments'],
        decisions: ['checkout on', 'payments on'],
      };
      expect(keysIn(deltaIn(content))).toEqual(keys[view]);

      using again = watch(view, after);
      expect((await again.start()).hello).toMatchObject({ intent: 'INTENT_NOTHING' });
      const halted = await calls.ok('FlagService/HaltFlag', { name: settings('checkout'), reason: 'x' });
      const step = { toRevision: text(halted, 'receipt', 'revision') };
      expect([await after.delta(), await again.delta()]).toMatchObject([step, step]);
    },
  );

  it('is sent away when its key is revoked, and only then', async () => {
    const { token } = await serverKey();
    using stays = follow(grpc, { view: VIEWS.definitions, token });
    using leaves = watch('definitions');
    await Promise.all([stays.start(), leaves.start()]);
    await calls.ok('KeyService/RevokeKey', { name: key.name });
    expect(await leaves.next()).toMatchObject({ goodbye: { reason: 'REASON_KEY_REVOKED' } });
    expect(await leaves.next()).toBeUndefined();
    expect(await leaves.stream.ended).toMatchObject({ code: 'UNAUTHENTICATED' });
    await calls.ok('FlagService/HaltFlag', { name: settings('checkout'), reason: 'x' });
    expect(keysIn(await stays.delta())).toEqual(['flag checkout']);
  });

  it('is told goodbye when the service is stopped, and can go on with the next', async () => {
    using before = watch('decisions');
    await before.start();
    const stopped = server.stop();
    expect(await before.next()).toMatchObject({ goodbye: { reason: 'REASON_SHUTDOWN' } });
    expect(await before.next()).toBeUndefined();
    expect(await before.stream.ended).toMatchObject({ code: 'UNAVAILABLE' });
    await stopped;
    await server.restart();
    connect();
    using after = watch('decisions', before);
    expect((await after.start()).hello).toMatchObject({ intent: 'INTENT_NOTHING' });
  });
});

function connect(): void {
  grpc = grpcCaller(server.address);
  clients.push(grpc);
  calls = callsOf(grpc.call, server.adminToken);
}

function watch(view: keyof typeof VIEWS, from?: Follower): Follower {
  const resumed = from === undefined ? {} : { resumeToken: from.resumeToken, revision: from.revision };
  return follow(grpc, { view: VIEWS[view], token: key.token, ...resumed });
}

async function serverKey(): Promise<{ name: string; token: string }> {
  const request = { parent: project, key: { kind: 'KEY_KIND_SERVER', environment: environment() } };
  const made = await calls.ok('KeyService/CreateKey', request);
  return { name: text(made, 'key', 'name'), token: text(made, 'secret') };
}

function environment(): string {
  return `${project}/environments/production`;
}

function settings(flag: string): string {
  return `${environment()}/flags/${flag}`;
}

function soon(): string {
  return new Date(Date.now() + SOON_MS).toISOString();
}

function deltaIn(content: readonly Message[]): Message {
  return list({ content: content.map(({ delta }) => delta) }, 'content')[0] ?? {};
}

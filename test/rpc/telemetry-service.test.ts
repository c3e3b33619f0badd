import { Code, createClient, createRouterTransport } from '@connectrpc/connect';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { RetryInfoSchema } from '../../gen/google/rpc/error_details_pb.ts';
import { ErrorCode, Reason } from '../../gen/vexil/v1/evaluation_pb.ts';
import { EventKind, TelemetryService } from '../../gen/vexil/v1/telemetry_service_pb.ts';
import { DEFAULT_CONTEXT_LIMITS } from '../../src/app/decisions.ts';
import { decodeBatch } from '../../src/app/exposures/batch-text.ts';
import { Recorder } from '../../src/app/exposures/recorder.ts';
import { Reports } from '../../src/app/exposures/reports.ts';
import type { Principal } from '../../src/app/principal.ts';
import { errorInterceptor } from '../../src/rpc/errors.ts';
import { principalKey } from '../../src/rpc/principal-key.ts';
import { telemetryService } from '../../src/rpc/telemetry-service.ts';
import { ScriptedQueue } from '../app/exposures/scripted-queue.ts';
import { BOOLEAN, errorOf, openShop, ROOT, type Service } from '../support/in-process-service.ts';

const production = 'projects/shop/environments/production';
const SERVER: Principal = {
  ...ROOT,
  ...{ keyId: 'server', kind: 'server', project: 'shop', environment: 'production', scopes: [] },
};
const WEB: Principal = { ...SERVER, keyId: 'web', kind: 'web' };
const ann = { targetingKey: 'ann', attributes: { plan: 'pro', email: 'ann@example.com' } };

let service: Service;
let queue: ScriptedQueue;
let reports: Reports;
let recorder: Recorder;

beforeEach(async () => {
  service = await openShop();
  for (const [flagId, clientVisible] of [
    ['checkout', true],
    ['secret', false],
  ] as const)
    await service.flags.createFlag({
      parent: 'projects/shop',
      flagId,
      flag: { ...BOOLEAN, clientVisible },
    });
  const { catalog, clock } = service.instance;
  queue = new ScriptedQueue();
  recorder = new Recorder({
    ...{ catalog, clock, queue, process: 'run', pepper: 'pepper', maxBytes: 2 ** 20 },
    report: () => undefined,
  });
  reports = new Reports(recorder, clock);
});

afterEach(async () => {
  await recorder[Symbol.asyncDispose]();
  await service[Symbol.asyncDispose]();
});

function clientOf(principal: Principal, given: Reports | undefined = reports) {
  const { catalog, clock } = service.instance;
  const evaluation = { catalog, clock, contextLimits: DEFAULT_CONTEXT_LIMITS };
  const transport = createRouterTransport(
    (router) => void router.service(TelemetryService, telemetryService({ evaluation, reports: given })),
    {
      router: {
        interceptors: [
          errorInterceptor(() => undefined),
          (next) => (request) => {
            request.contextValues.set(principalKey, principal);
            return next(request);
          },
        ],
      },
    },
  );
  return createClient(TelemetryService, transport);
}

function batches() {
  return [...queue.kept].map(([id, bytes]) => decodeBatch(bytes, id));
}

describe('an exposure', () => {
  test('is durable when it is answered, as the client says it', async () => {
    const answer = await clientOf(SERVER).reportExposures({
      client: { name: 'app', version: '2' },
      exposures: [
        {
          ...{ flagKey: 'checkout', variation: 'on', context: ann, reason: Reason.SPLIT, ruleId: 'r' },
          ...{ flagVersion: 2n, revision: 2n },
        },
        { flagKey: 'secret', manual: true, errorCode: ErrorCode.GENERAL, reason: Reason.ERROR },
      ],
    });
    expect(answer).toMatchObject({ acceptedCount: 2, repeatedCount: 0, rejected: [] });
    const [batch] = batches();
    const now = service.instance.clock.now();
    expect(batch?.evaluations).toEqual([
      {
        ...{ time: now, flag: 'checkout', flagVersion: 2, revision: 2, variation: 'on', reason: 'SPLIT' },
        ...{ ruleId: 'r', subject: 'ann', source: 'reported', client: 'app/2', count: 1, weight: 1 },
      },
      {
        ...{ time: now, flag: 'secret', flagVersion: 3, revision: 3, variation: '', reason: 'ERROR' },
        ...{ errorCode: 'GENERAL', ruleId: '', subject: '', source: 'manual', client: 'app/2' },
        ...{ count: 1, weight: 1 },
      },
    ]);
    expect(batch).toMatchObject({ contexts: [], units: 2, acceptedSoFar: 2 });
  });

  test('is kept as the environment wants it: attributes that it allows, and names if it wants hashes', async () => {
    const recording = { keptAttributes: ['plan'], hashTargetingKeys: true };
    await service.projects.updateEnvironment({ environment: { name: production, recording } });
    await clientOf(SERVER).reportExposures({ exposures: [{ flagKey: 'checkout', context: ann }] });
    const [batch] = batches();
    const subject = batch?.evaluations[0]?.subject;
    expect(subject).toMatch(/^[0-9a-f]{32}$/);
    expect(batch?.contexts).toMatchObject([{ subject, attributes: { plan: 'pro' } }]);
  });

  test.each([
    ['of a flag that does not exist', { flagKey: 'nothing' }, 'flag_key'],
    ['of a variation that the flag has not', { flagKey: 'checkout', variation: 'blue' }, 'variation'],
    ['under an id that is too long', { flagKey: 'checkout', id: 'x'.repeat(65) }, 'id'],
    ['with a negative revision', { flagKey: 'checkout', revision: -1n }, 'revision'],
    ['with a rule that is no name', { flagKey: 'checkout', ruleId: 'x'.repeat(101) }, 'rule_id'],
    [
      'for somebody whose name is too long',
      { flagKey: 'checkout', context: { targetingKey: 'x'.repeat(5_000) } },
      'context',
    ],
  ])('%s is rejected alone', async (_, exposure, field) => {
    const answer = await clientOf(SERVER).reportExposures({
      exposures: [{ flagKey: 'checkout' }, exposure, { flagKey: 'checkout' }],
    });
    expect(answer).toMatchObject({ acceptedCount: 2, rejected: [{ index: 1, field }] });
    expect(batches().flatMap(({ evaluations }) => evaluations)).toHaveLength(2);
  });

  test('of a flag that a web key cannot see is one of a flag that does not exist', async () => {
    const client = clientOf(WEB);
    const { rejected, acceptedCount } = await client.reportExposures({
      exposures: [{ flagKey: 'secret' }, { flagKey: 'nothing' }, { flagKey: 'checkout' }],
    });
    expect(acceptedCount).toBe(1);
    expect(rejected.map(({ field, description }) => [field, description])).toEqual([
      ['flag_key', 'there is no such flag'],
      ['flag_key', 'there is no such flag'],
    ]);
  });

  test('from a clock that is wrong is of a time that can be', async () => {
    const now = service.instance.clock.now();
    const at = (ms: number) => ({ seconds: BigInt(Math.trunc(ms / 1_000)), nanos: 0 });
    await clientOf(SERVER).reportExposures({
      exposures: [
        { flagKey: 'checkout', time: at(now + 3_600_000) },
        { flagKey: 'checkout', time: at(0) },
        { flagKey: 'checkout', time: at(now - 7_200_000) },
      ],
    });
    expect(batches().flatMap(({ evaluations }) => evaluations.map(({ time }) => now - time))).toEqual([
      ...[0, 7 * 86_400_000, 7_200_000],
    ]);
  });

  test('counts once under its id for ten minutes, whether it is durable already or not', async () => {
    const client = clientOf(SERVER);
    const exposures = [
      { id: 'a', flagKey: 'checkout' },
      { id: 'a', flagKey: 'checkout' },
    ];
    queue.mood = 'hangs';
    const first = client.reportExposures({ exposures });
    const second = client.reportExposures({ exposures });
    await expect.poll(() => queue.open).toBe(1);
    queue.connect();
    expect(await first).toMatchObject({ acceptedCount: 1, repeatedCount: 1 });
    expect(await second).toMatchObject({ acceptedCount: 0, repeatedCount: 2 });
    service.instance.clock.advance(600_000);
    expect(await client.reportExposures({ exposures })).toMatchObject({ acceptedCount: 0 });
    service.instance.clock.advance(600_000);
    expect(await client.reportExposures({ exposures })).toMatchObject({ acceptedCount: 1 });
    expect(recorder.accepted).toBe(2);
  });

  test('under an id that somebody with a web key took before counts all the same', async () => {
    const exposures = [{ id: 'order-17', flagKey: 'checkout' }];
    const many = Array.from({ length: 1_000 }, (_, index) => ({ id: `${index}`, flagKey: 'checkout' }));
    expect(await clientOf(SERVER).reportExposures({ exposures })).toMatchObject({ acceptedCount: 1 });
    expect(await clientOf(WEB).reportExposures({ exposures })).toMatchObject({ acceptedCount: 1 });
    for (let call = 0; call < 45; call++) {
      const others = many.map((one) => ({ ...one, id: `${call} ${one.id}` }));
      await clientOf(WEB).reportExposures({ exposures: others });
    }
    expect(await clientOf(SERVER).reportExposures({ exposures })).toMatchObject({ repeatedCount: 1 });
  });
});

describe('an event', () => {
  test('is durable when it is answered, with what it says', async () => {
    await clientOf(WEB).reportEvents({
      events: [
        { name: 'order', context: ann, value: 12.5 },
        { name: 'boom', kind: EventKind.CRASH, context: ann, flagKey: 'checkout' },
      ],
    });
    const time = service.instance.clock.now();
    expect(batches().flatMap(({ events }) => events)).toEqual([
      { time, event: 'order', kind: 'metric', subject: 'ann', value: 12.5, count: 1 },
      { time, event: 'boom', kind: 'crash', subject: 'ann', flag: 'checkout', count: 1 },
    ]);
  });

  test.each([
    ['without a name', { name: '' }, 'name'],
    ['with a name that is too long', { name: 'x'.repeat(101) }, 'name'],
    ['with a value that is no number', { name: 'order', value: Number.NaN }, 'value'],
    ['with a value that nothing can be added to', { name: 'order', value: -1e300 }, 'value'],
    ['about a flag that does not exist', { name: 'order', flagKey: 'nothing' }, 'flag_key'],
  ])('%s is rejected alone', async (_, event, field) => {
    const answer = await clientOf(SERVER).reportEvents({ events: [event, { name: 'order' }] });
    expect(answer).toMatchObject({ acceptedCount: 1, rejected: [{ index: 0, field }] });
  });
});

describe('a report', () => {
  const exposures = [{ flagKey: 'checkout' }];

  test.each([
    ['of nothing', [], Code.InvalidArgument],
    ['of too much', Array.from({ length: 1_001 }, () => ({ flagKey: 'checkout' })), Code.ResourceExhausted],
  ])('%s is refused', async (_, items, code) => {
    expect(await errorOf(clientOf(SERVER).reportExposures({ exposures: items }))).toMatchObject({ code });
  });

  test('of a thousand things by people with long names is taken in pieces', async () => {
    const items = Array.from({ length: 1_000 }, (_, index) => ({
      flagKey: 'checkout',
      context: { targetingKey: `${index}`.padEnd(100, '\u0001') },
    }));
    const answer = await clientOf(SERVER).reportExposures({ exposures: items });
    expect(answer.acceptedCount).toBe(1_000);
    for (const bytes of queue.kept.values()) expect(bytes.length).toBeLessThan(512 * 1024);
  });

  test('is never more than the queue takes, whatever is in it', async () => {
    const keptAttributes = Array.from({ length: 50 }, (_, index) => `attribute-${index}`);
    await service.projects.updateEnvironment({
      environment: { name: production, recording: { keptAttributes } },
    });
    const attributes = Object.fromEntries(keptAttributes.map((name) => [name, '鍵'.repeat(950)]));
    const long = Array.from({ length: 18 }, (_, index) => ({
      ...{ flagKey: 'checkout', context: { targetingKey: `${index}`.padEnd(4_000, '\u0001') } },
    }));
    const exposures = [...long, { flagKey: 'checkout', context: { targetingKey: 'ann', attributes } }];
    const answer = await clientOf(SERVER).reportExposures({ exposures });
    expect(answer.acceptedCount).toBe(19);
    for (const bytes of queue.kept.values()) expect(bytes.length).toBeLessThan(512 * 1024);
  });

  test('needs the scope write with an admin key, and the environment', async () => {
    const environment = production;
    const reader = clientOf({ ...ROOT, scopes: ['read'] });
    expect(await errorOf(reader.reportExposures({ environment, exposures }))).toMatchObject({
      code: Code.PermissionDenied,
    });
    const writer = clientOf(ROOT);
    expect(await errorOf(writer.reportExposures({ exposures }))).toMatchObject({
      code: Code.InvalidArgument,
    });
    expect(await writer.reportExposures({ environment, exposures })).toMatchObject({ acceptedCount: 1 });
  });

  test('is refused where nothing is recorded', async () => {
    const off = { code: Code.FailedPrecondition };
    const recording = { disabled: true };
    await service.projects.updateEnvironment({ environment: { name: production, recording } });
    expect(await errorOf(clientOf(SERVER).reportExposures({ exposures }))).toMatchObject(off);
    expect(await errorOf(clientOf(SERVER).reportEvents({ events: [{ name: 'order' }] }))).toMatchObject(off);
  });

  test('is refused with a time to wait when there is no room for it, and can be made again then', async () => {
    queue.mood = 'unavailable';
    const client = clientOf(SERVER);
    const long = (index: number) => ({ targetingKey: `${index}`.padEnd(4_000, 'x') });
    const many = Array.from({ length: 200 }, (_, index) => ({
      ...{ id: `${index}`, flagKey: 'checkout', context: long(index) },
    }));
    const first = errorOf(client.reportExposures({ exposures: many }));
    await expect.poll(() => recorder.bytes).toBeGreaterThan(800_000);
    const others = many.map((exposure) => ({ ...exposure, id: `other ${exposure.id}` }));
    const refused = await errorOf(client.reportExposures({ exposures: others }));
    expect(refused).toMatchObject({ code: Code.ResourceExhausted });
    expect(refused.findDetails(RetryInfoSchema)).toHaveLength(1);
    service.instance.clock.advance(5_000);
    expect(await first).toMatchObject({ code: Code.Unavailable });
    queue.connect();
    await expect.poll(() => recorder.bytes).toBe(0);
    const again = await client.reportExposures({ exposures: [...many, ...others] });
    expect(again).toMatchObject({ acceptedCount: 200, repeatedCount: 200 });
    expect(batches().reduce((sum, { units }) => sum + units, 0)).toBe(400);
  });
});

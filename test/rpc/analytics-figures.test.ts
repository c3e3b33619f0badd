import { timestampDate, timestampFromMs } from '@bufbuild/protobuf/wkt';
import { Code } from '@connectrpc/connect';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { FlagUse, TimeStep } from '../../gen/vexil/v1/analytics_service_pb.ts';
import { Reason } from '../../gen/vexil/v1/evaluation_pb.ts';
import type { Principal } from '../../src/app/principal.ts';
import { BOOLEAN, errorOf, openShop, ROOT, type Service } from '../support/in-process-service.ts';
import { record } from '../support/recorded.ts';

const HOUR_MS = 3_600_000;
const parent = 'projects/shop/environments/production';
const name = `${parent}/flags/checkout`;

let service: Service;
let now: number;
beforeEach(async () => {
  service = await openShop();
  const flag = { ...BOOLEAN, temporary: true };
  await service.flags.createFlag({ parent: 'projects/shop', flagId: 'checkout', flag });
  now = service.instance.clock.now();
});
afterEach(() => service[Symbol.asyncDispose]());

const evaluated = (variation: string, subjects: readonly string[], time = now - HOUR_MS) =>
  subjects.map((subject) => ({ time, flag: 'checkout', variation, subject, reason: 'SPLIT' as const }));

describe('evaluations', () => {
  test('of the last day come in steps of an hour, each series with its points', async () => {
    await record(service.store, 'p', { evaluations: evaluated('on', ['anna', 'bert', 'anna']) });
    const answer = await service.analytics.queryEvaluations({ parent, flag: 'checkout' });
    expect(answer.step).toBe(TimeStep.HOUR);
    expect(answer.endTime && timestampDate(answer.endTime).getTime()).toBe(now);
    expect(answer.series).toMatchObject([
      {
        ...{ flag: 'checkout', variation: 'on', reason: Reason.SPLIT },
        points: [{ time: timestampFromMs(now - HOUR_MS), count: 3n, estimate: 3 }],
      },
    ]);
    expect(answer.totals).toMatchObject([{ flag: 'checkout', variation: 'on', count: 3n, subjects: 2n }]);
    const all = await service.analytics.queryEvaluations({ parent, step: TimeStep.DAY });
    expect(all.step).toBe(TimeStep.DAY);
    expect(all.totals[0]?.subjects).toBeUndefined();
  });

  test('are refused for a period without time in it, an unknown step and an unknown place', async () => {
    const { analytics } = service;
    const backwards = { startTime: timestampFromMs(now), endTime: timestampFromMs(now) };
    expect(await errorOf(analytics.queryEvaluations({ parent, ...backwards }))).toMatchObject({
      code: Code.InvalidArgument,
      rawMessage: 'start_time: must be before the end',
    });
    expect(await errorOf(analytics.queryEvaluations({ parent, step: 9 as TimeStep }))).toMatchObject({
      code: Code.InvalidArgument,
    });
    const nowhere = { parent: 'projects/shop/environments/nowhere' };
    expect(await errorOf(analytics.queryEvaluations(nowhere))).toMatchObject({ code: Code.NotFound });
  });
});

describe('the use of flags', () => {
  beforeEach(async () => {
    for (const flagId of ['old', 'new'])
      await service.flags.createFlag({ parent: 'projects/shop', flagId, flag: BOOLEAN });
    await record(service.store, 'p', { evaluations: evaluated('on', ['anna']) });
  });

  test('is told page by page, of all flags or of those that are used so', async () => {
    const { flags, totalSize } = await service.analytics.listFlagActivity({ parent });
    expect(flags.map(({ flag, use }) => [flag, use])).toEqual([
      ['checkout', FlagUse.IN_USE],
      ['new', FlagUse.NEW],
      ['old', FlagUse.NEW],
    ]);
    expect(totalSize).toBe(3);
    expect(flags[0]).toMatchObject({ name, evaluations: 1n, remarks: ['answered on to everybody'] });
    const first = await service.analytics.listFlagActivity({ parent, pageSize: 2 });
    const { nextPageToken: pageToken } = first;
    const second = await service.analytics.listFlagActivity({ parent, pageSize: 2, pageToken });
    expect([...first.flags, ...second.flags]).toEqual(flags);
    service.instance.clock.advance(40 * 24 * HOUR_MS);
    const never = await service.analytics.listFlagActivity({ parent, uses: [FlagUse.NEVER] });
    expect(never.flags.map(({ flag, remarks }) => [flag, remarks])).toEqual([
      ['new', ['never evaluated']],
      ['old', ['never evaluated']],
    ]);
    const unused = await service.analytics.listFlagActivity({ parent, uses: [FlagUse.UNUSED] });
    expect(unused.flags.map(({ flag }) => flag)).toEqual(['checkout']);
    const patient = await service.analytics.listFlagActivity({ parent, unusedDays: 60 });
    expect(patient.flags[0]?.use).toBe(FlagUse.IN_USE);
  });
});

test('periods at either end of time are answered or refused, and never too much for a timestamp', async () => {
  const at = (text: string) => timestampFromMs(Date.parse(text));
  const last = { startTime: at('9999-12-01T00:00:00Z'), endTime: at('9999-12-31T23:59:59Z') };
  const { endTime } = await service.analytics.queryEvaluations({ parent, ...last });
  expect(endTime).toEqual(at('9999-12-31T23:59:59.999Z'));
  const first = at('0001-01-01T00:00:00Z');
  const { startTime } = await service.analytics.queryEvaluations({
    parent,
    endTime: at('0001-01-01T12:00:00Z'),
  });
  expect(startTime).toEqual(first);
  expect(await errorOf(service.analytics.queryEvaluations({ parent, endTime: first }))).toMatchObject({
    code: Code.InvalidArgument,
  });
});

describe('health', () => {
  const people = (prefix: string) => Array.from({ length: 100 }, (_, n) => `${prefix}${n}`);

  beforeEach(async () => {
    await record(service.store, 'p', {
      evaluations: [...evaluated('on', people('on')), ...evaluated('off', people('off'))],
      events: [...people('on').slice(0, 10), ...people('off').slice(0, 1)].map((subject) => ({
        time: now - HOUR_MS,
        event: 'boom',
        subject,
        kind: 'error' as const,
      })),
    });
  });

  test('of a flag has the worst variation first, with confidence', async () => {
    const { health } = await service.analytics.getFlagHealth({ name });
    expect(health?.variations).toMatchObject([
      { variation: 'on', subjects: 100n, affectedSubjects: 10n, errors: 10n, crashFree: { value: 1 } },
      { variation: 'off', subjects: 100n, affectedSubjects: 1n },
    ]);
    expect(health?.variations[0]?.errorRate?.value).toBeCloseTo(0.1);
    expect(health?.variations[0]?.errorRate?.low).toBeCloseTo(0.05523, 4);
    expect(await errorOf(service.analytics.getFlagHealth({ name: `${parent}/flags/none` }))).toMatchObject({
      code: Code.NotFound,
    });
  });

  test('of all flags shows the worst variation of each', async () => {
    const { flags } = await service.analytics.listFlagHealth({ parent });
    expect(flags.map(({ flag, variations }) => [flag, variations.map(({ variation }) => variation)])).toEqual(
      [['checkout', ['on']]],
    );
  });

  test('tells of the two hundred variations that matter most, and how many others there are', async () => {
    const evaluations = Array.from({ length: 250 }, (_, n) => ({
      ...{ time: now - HOUR_MS, flag: 'checkout', variation: `v${n}`, subject: 'anna' },
    }));
    await record(service.store, 'q', { evaluations });
    const { health } = await service.analytics.getFlagHealth({ name });
    expect([health?.variations.length, health?.leftOut]).toEqual([200, 52]);
    expect(health?.variations[0]?.variation).toBe('on');
    const { variations, leftOut } = await service.analytics.getFlagConversions({ name, event: 'boom' });
    expect([variations.length, leftOut]).toEqual([200, 52]);
    expect(variations.slice(0, 2).map(({ variation }) => variation)).toEqual(['off', 'on']);
  });

  test('is worked out for one at a time, and refused when too many wait, but never for lack of a right', async () => {
    const { analytics } = service.as({ ...ROOT, kind: 'web', project: 'shop', environment: 'production' });
    const strangers = Array.from({ length: 70 }, () => errorOf(analytics.getFlagHealth({ name })));
    const calls = Array.from({ length: 70 }, () => service.analytics.getFlagHealth({ name }));
    const settled = await Promise.allSettled(calls);
    for (const refused of await Promise.all(strangers))
      expect(refused).toMatchObject({ code: Code.PermissionDenied });
    const refused = settled.filter(({ status }) => status === 'rejected');
    expect(refused).toHaveLength(70 - 65);
    for (const each of refused) expect(each).toMatchObject({ reason: { code: Code.ResourceExhausted } });
  });

  test('of all flags comes in small pages', async () => {
    const keys = Array.from({ length: 30 }, (_, n) => `flag-${String(n).padStart(2, '0')}`);
    for (const flagId of keys)
      await service.flags.createFlag({ parent: 'projects/shop', flagId, flag: BOOLEAN });
    const evaluations = keys.map((flag) => ({ time: now - HOUR_MS, flag, variation: 'on', subject: 'anna' }));
    await record(service.store, 'q', { evaluations });
    const first = await service.analytics.listFlagHealth({ parent });
    expect([first.flags.length, first.totalSize]).toEqual([20, 31]);
    const rest = await service.analytics.listFlagHealth({ parent, pageToken: first.nextPageToken });
    expect([...first.flags, ...rest.flags].map(({ flag }) => flag)).toEqual(['checkout', ...keys]);
    expect(await errorOf(service.analytics.listFlagHealth({ parent, pageSize: -1 }))).toMatchObject({
      code: Code.InvalidArgument,
    });
  });

  test('by one event is a conversion, which has to be named', async () => {
    const { variations } = await service.analytics.getFlagConversions({ name, event: 'boom' });
    expect(variations.map(({ variation, convertedSubjects }) => [variation, convertedSubjects])).toEqual([
      ['off', 1n],
      ['on', 10n],
    ]);
    expect(await errorOf(service.analytics.getFlagConversions({ name }))).toMatchObject({
      code: Code.InvalidArgument,
    });
  });
});

describe('a key', () => {
  const key = (given: Partial<Principal>): Principal => ({ ...ROOT, project: 'shop', scopes: [], ...given });
  const figures = (principal: Principal, place = parent) => {
    const { analytics } = service.as(principal);
    return [
      () => analytics.queryEvaluations({ parent: place }),
      () => analytics.listFlagActivity({ parent: place }),
      () => analytics.listFlagHealth({ parent: place }),
      () => analytics.getFlagHealth({ name: `${place}/flags/checkout` }),
      () => analytics.getFlagConversions({ name: `${place}/flags/checkout`, event: 'x' }),
    ];
  };

  test('of a server sees the figures of its own environment, and of no other', async () => {
    const server = key({ kind: 'server', environment: 'production' });
    for (const call of figures(server)) await call();
    for (const call of figures(server, 'projects/shop/environments/staging'))
      expect(await errorOf(call())).toMatchObject({ code: Code.PermissionDenied });
  });

  test('of a web page, of another project or without the scope read sees none', async () => {
    const keys = [
      key({ kind: 'web', environment: 'production' }),
      key({ project: 'other', scopes: ['read'] }),
      key({ scopes: ['write'] }),
    ];
    for (const principal of keys)
      for (const call of figures(principal))
        expect(await errorOf(call())).toMatchObject({ code: Code.PermissionDenied });
  });
});

import { create, type JsonObject } from '@bufbuild/protobuf';
import { ValueSchema } from '@bufbuild/protobuf/wkt';
import { Code } from '@connectrpc/connect';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { Operator } from '../../gen/vexil/v1/definitions_pb.ts';
import { Reason } from '../../gen/vexil/v1/evaluation_pb.ts';
import { BOOLEAN, errorOf, openShop, type Service } from '../support/in-process-service.ts';
import { record } from '../support/recorded.ts';

const parent = 'projects/shop/environments/production';
const name = `${parent}/flags/checkout`;
const flag = { flagId: 'checkout', flag: BOOLEAN, enabledEnvironments: ['production'] };

let service: Service;
beforeEach(async () => {
  service = await openShop();
  await service.flags.createFlag({ parent: 'projects/shop', ...flag });
  await people({ a: { plan: 'pro' }, b: { plan: 'pro' }, c: { plan: 'free' }, d: {} });
});
afterEach(() => service[Symbol.asyncDispose]());

const people = (contexts: Record<string, JsonObject>) =>
  record(service.store, 'p', {
    contexts: Object.entries(contexts).map(([subject, attributes]) => ({
      ...{ subject, attributes: attributes as { [name: string]: string } },
      seenAt: service.instance.clock.now() - 1,
    })),
  });

const text = (value: string) => create(ValueSchema, { kind: { case: 'stringValue', value } });
const onPlan = (...plans: string[]) => {
  const clause = { attribute: 'plan', operator: Operator.IN, values: plans.map(text) };
  return { kind: { case: 'clause', value: clause } } as const;
};
const serveOn = { kind: { case: 'variation', value: 'on' } } as const;

describe('the reach of a rule that nobody has saved', () => {
  test('is told in total, by segment and by attribute, with what is missing', async () => {
    await service.segments.createSegment({
      ...{ parent: 'projects/shop', segmentId: 'payers', segment: { condition: onPlan('pro') } },
    });
    const answer = await service.analytics.previewReach({
      ...{ parent, flag: 'checkout', attributes: ['plan'], rule: { condition: onPlan('pro', 'team') } },
    });
    expect(answer.total).toMatchObject({ sampled: 4n, matched: 2n, share: { value: 0.5 } });
    expect(answer.sample).toMatchObject({ knownContexts: 4n, sampled: 4n, subjectsHashed: false });
    expect(answer.sample?.missingAttributes).toMatchObject([
      { attribute: 'plan', contexts: 1n, kept: false },
    ]);
    expect(answer.segments).toMatchObject([
      { group: { kind: { case: 'segment', value: 'payers' } }, reach: { sampled: 2n, matched: 2n } },
    ]);
    expect(answer.attributes).toMatchObject([
      { group: { attribute: 'plan', kind: { case: 'value' } }, reach: { sampled: 2n, matched: 2n } },
      { group: { attribute: 'plan', kind: { case: 'value' } }, reach: { sampled: 1n, matched: 0n } },
      { group: { attribute: 'plan', kind: { case: 'missing' } }, reach: { sampled: 1n, matched: 0n } },
    ]);
    expect(answer.dailySubjects).toMatchObject({ value: 2, low: 2, high: 2 });
    expect(answer.warnings).toContain('flag checkout was not evaluated');
    expect(
      service.instance.catalog.state('shop').settings.get('production')?.get('checkout')?.state.rules,
    ).toEqual([]);
  });

  test('is refused with the path of every mistake', async () => {
    const { analytics } = service;
    const reach = (rule: object, more = {}) => errorOf(analytics.previewReach({ parent, rule, ...more }));
    expect((await reach({ rollout: { weight: 100_001 } })).rawMessage).toMatch(/^rule\.rollout\.weight/);
    const nobody = { kind: { case: 'segment', value: { segments: ['nobody'] } } };
    expect((await reach({ condition: nobody })).rawMessage).toMatch(/^rule\.condition.*nobody/);
    expect(await reach({}, { segments: ['nobody'] })).toMatchObject({ code: Code.NotFound });
    expect(await reach({}, { sampleSize: 20_001 })).toMatchObject({ code: Code.InvalidArgument });
    expect(await reach({}, { flag: 'none' })).toMatchObject({ code: Code.NotFound });
    expect(await errorOf(analytics.previewReach({ parent }))).toMatchObject({
      ...{ code: Code.InvalidArgument, rawMessage: 'rule: is required' },
    });
  });
});

describe('a change that nobody has made', () => {
  test('moves people, whom an example shows', async () => {
    const rule = { condition: onPlan('pro'), serve: serveOn };
    const answer = await service.analytics.previewChange({
      ...{ name, examples: 1, candidate: { case: 'rule', value: rule } },
    });
    expect(answer.moved).toMatchObject({ sampled: 4n, matched: 2n, share: { value: 0.5 } });
    expect(answer.cells).toMatchObject([
      { fromVariation: 'off', toVariation: 'off', reach: { matched: 2n }, examples: [{}] },
      { fromVariation: 'off', toVariation: 'on', reach: { matched: 2n } },
    ]);
    const [example] = answer.cells[1]?.examples ?? [];
    expect(example).toMatchObject({
      ...{ attributes: { plan: 'pro' }, fromReason: Reason.DEFAULT, toReason: Reason.TARGETING_MATCH },
    });
    expect(['a', 'b']).toContain(example?.targetingKey);
    expect(Number(answer.revision)).toBe(service.instance.catalog.state('shop').revision);
    expect(service.instance.catalog.state('shop').revision).toBe(2);
  });

  test('may be settings, one rule less or a former revision', async () => {
    await service.flags.createRule({ name, rule: { id: 'all', serve: serveOn } });
    const moved = async (candidate: Parameters<typeof service.analytics.previewChange>[0]['candidate']) =>
      Number(
        (await service.analytics.previewChange({ name, candidate: candidate ?? { case: undefined } })).moved
          ?.matched,
      );
    expect(await moved({ case: 'removeRuleId', value: 'all' })).toBe(4);
    expect(await moved({ case: 'revision', value: 2n })).toBe(4);
    const { settings } = await service.flags.getFlagSettings({ name });
    if (settings === undefined) throw new Error('there are no settings');
    expect(await moved({ case: 'settings', value: { ...settings, enabled: false } })).toBe(4);
    const rules = [{ id: 'some', priority: 1, condition: onPlan('free'), serve: serveOn }];
    const hash = settings.hash;
    expect(await moved({ case: 'settings', value: { enabled: true, hash, rules } })).toBe(3);
  });

  test('names nobody where targeting keys are stored as hashes', async () => {
    await service.projects.updateEnvironment({
      environment: { name: parent, recording: { hashTargetingKeys: true } },
      updateMask: { paths: ['recording'] },
    });
    const candidate = { case: 'rule', value: { serve: serveOn } } as const;
    const { cells, sample, warnings } = await service.analytics.previewChange({ name, candidate });
    expect(sample?.subjectsHashed).toBe(true);
    expect(cells.flatMap(({ examples }) => examples.map(({ targetingKey }) => targetingKey))).toEqual([
      '',
      '',
      '',
    ]);
    expect(warnings[0]).toMatch(/stored as hashes/);
  });

  test('is refused as the change itself would be', async () => {
    const { analytics } = service;
    const rule = { serve: { kind: { case: 'variation', value: 'blue' } } } as const;
    const blue = analytics.previewChange({ name, candidate: { case: 'rule', value: rule } });
    expect(await errorOf(blue)).toMatchObject({ code: Code.InvalidArgument });
    expect(await errorOf(analytics.previewChange({ name }))).toMatchObject({ code: Code.InvalidArgument });
    const gone = analytics.previewChange({ name, candidate: { case: 'removeRuleId', value: 'none' } });
    expect(await errorOf(gone)).toMatchObject({ code: Code.NotFound });
    const future = analytics.previewChange({ name, candidate: { case: 'revision', value: 99n } });
    expect(await errorOf(future)).toMatchObject({ code: Code.OutOfRange });
    const other = { case: 'settings', value: { name: `${parent}/flags/other` } } as const;
    expect(await errorOf(analytics.previewChange({ name, candidate: other }))).toMatchObject({
      code: Code.InvalidArgument,
    });
  });
});

test('previews are made one at a time, and refused when too many wait', async () => {
  const calls = Array.from({ length: 25 }, () => service.analytics.previewReach({ parent, rule: {} }));
  const settled = await Promise.allSettled(calls);
  const refused = settled.filter(({ status }) => status === 'rejected');
  expect(refused).toHaveLength(25 - 17);
  for (const each of refused)
    expect(each).toMatchObject({
      reason: { code: Code.ResourceExhausted, rawMessage: 'too many wait for such an answer already' },
    });
  expect((await service.analytics.previewReach({ parent, rule: {} })).total?.matched).toBe(4n);
});

import { Code } from '@connectrpc/connect';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { Operator } from '../../gen/vexil/v1/definitions_pb.ts';
import { BOOLEAN, errorOf, openShop, type Service } from '../support/in-process-service.ts';

let service: Service;
beforeEach(async () => {
  service = await openShop();
});
afterEach(() => service[Symbol.asyncDispose]());

const parent = 'projects/shop';
const staff = 'projects/shop/segments/staff';
const isIn = (...segments: string[]) => ({ kind: { case: 'segment' as const, value: { segments } } });
const clause = {
  kind: {
    case: 'clause' as const,
    value: {
      attribute: 'plan',
      operator: Operator.EQ,
      values: [{ kind: { case: 'stringValue' as const, value: 'pro' } }],
    },
  },
};

async function useStaff(flagId: string) {
  await service.flags.createFlag({ parent, flagId, flag: BOOLEAN });
  const name = `projects/shop/environments/production/flags/${flagId}`;
  const serve = { kind: { case: 'variation' as const, value: 'on' } };
  await service.flags.createRule({ name, rule: { id: 'r', condition: isIn('staff'), serve } });
  return name;
}

test('a segment comes back as it was made', async () => {
  const { segment } = await service.segments.createSegment({
    parent,
    segmentId: 'staff',
    segment: { displayName: 'Staff', included: ['ann'], excluded: ['bob'], condition: clause },
  });
  expect(segment).toMatchObject({ name: staff, displayName: 'Staff', included: ['ann'], excluded: ['bob'] });
  const read = await service.segments.getSegment({ name: staff });
  expect(read.segment).toEqual(segment);
  expect(read.usedBy).toEqual([]);
});

test('an update replaces what it names, and an absent condition can be named too', async () => {
  await service.segments.createSegment({
    parent,
    segmentId: 'staff',
    segment: { included: ['a'], condition: clause },
  });
  const kept = await service.segments.updateSegment({ segment: { name: staff, included: ['b'] } });
  expect(kept.segment).toMatchObject({ included: ['b'], condition: { kind: { case: 'clause' } } });
  const cleared = await service.segments.updateSegment({
    segment: { name: staff },
    updateMask: { paths: ['condition'] },
  });
  expect(cleared.segment?.condition).toBeUndefined();
  expect(cleared.segment?.included).toEqual(['b']);
});

test('a segment names the flags, in each environment, and the segments that use it', async () => {
  await service.segments.createSegment({ parent, segmentId: 'staff' });
  await service.segments.createSegment({
    parent,
    segmentId: 'everyone',
    segment: { condition: isIn('staff') },
  });
  const name = await useStaff('checkout');
  const { usedBy } = await service.segments.getSegment({ name: staff });
  expect(usedBy).toEqual([name, 'projects/shop/segments/everyone']);
});

test('a segment in use can be neither archived nor deleted', async () => {
  await service.segments.createSegment({ parent, segmentId: 'staff' });
  const name = await useStaff('checkout');
  for (const call of [service.segments.archiveSegment, service.segments.deleteSegment]) {
    const error = await errorOf(call({ name: staff }));
    expect(error.code).toBe(Code.FailedPrecondition);
    expect(error.rawMessage).toContain('flag checkout in production');
  }
  await service.flags.deleteRule({ name, ruleId: 'r' });
  await service.segments.archiveSegment({ name: staff });
  await service.segments.restoreSegment({ name: staff });
  await service.segments.deleteSegment({ name: staff });
  expect(await errorOf(service.segments.getSegment({ name: staff }))).toMatchObject({ code: Code.NotFound });
});

test('an archived segment is hidden and has to be restored before it is changed', async () => {
  await service.segments.createSegment({ parent, segmentId: 'staff' });
  await service.segments.archiveSegment({ name: staff });
  expect((await service.segments.listSegments({ parent })).segments).toEqual([]);
  expect((await service.segments.listSegments({ parent, showArchived: true })).totalSize).toBe(1);
  const update = service.segments.updateSegment({ segment: { name: staff, description: 'x' } });
  expect(await errorOf(update)).toMatchObject({ code: Code.FailedPrecondition });
});

test('segments are searched by key, name and description, whatever the case', async () => {
  await service.segments.createSegment({
    parent,
    segmentId: 'staff',
    segment: { description: 'Our PEOPLE' },
  });
  await service.segments.createSegment({
    parent,
    segmentId: 'beta',
    segment: { displayName: 'Beta people' },
  });
  await service.segments.createSegment({ parent, segmentId: 'other' });
  const { segments, totalSize } = await service.segments.listSegments({ parent, query: 'people' });
  expect(segments.map(({ key }) => key)).toEqual(['beta', 'staff']);
  expect(totalSize).toBe(2);
});

test('a page token of another search is refused', async () => {
  for (const segmentId of ['a', 'b']) await service.segments.createSegment({ parent, segmentId });
  const { nextPageToken } = await service.segments.listSegments({ parent, pageSize: 1 });
  const other = service.segments.listSegments({ parent, pageSize: 1, pageToken: nextPageToken, query: 'b' });
  expect(await errorOf(other)).toMatchObject({ code: Code.InvalidArgument });
});

test('a segment exists once, and is not changed by whoever saw an older one', async () => {
  await service.segments.createSegment({ parent, segmentId: 'staff' });
  expect(await errorOf(service.segments.createSegment({ parent, segmentId: 'staff' }))).toMatchObject({
    code: Code.AlreadyExists,
  });
  expect(await errorOf(service.segments.deleteSegment({ name: staff, etag: '"1"' }))).toMatchObject({
    code: Code.Aborted,
  });
});

import { expect } from 'vitest';
import { text } from '../../support/calls.ts';
import { NO_WRITE_SCOPE, newFlag, newProject, newReader, OLD_ETAG, STALE, type Tour } from './tour.ts';

export async function segmentsTour({ calls, prefix }: Tour): Promise<void> {
  const parent = await newProject(calls, `${prefix}-segments`);
  const name = `${parent}/segments/beta`;
  const clause = { attribute: 'email', operator: 'OPERATOR_ENDS_WITH', values: ['@example.com'] };
  const segment = { displayName: 'Beta', included: ['anna'], excluded: ['ben'], condition: { clause } };
  const request = { parent, segmentId: 'beta', segment };
  const made = await calls.ok('SegmentService/CreateSegment', request);
  expect(made).toMatchObject({ segment: { ...segment, name, key: 'beta' } });
  await calls.refused('SegmentService/CreateSegment', request, { code: 'ALREADY_EXISTS' });
  await calls
    .as(await newReader(calls, parent))
    .refused('SegmentService/CreateSegment', { ...request, segmentId: 'b' }, NO_WRITE_SCOPE);

  await newFlag(calls, parent, 'checkout');
  const settings = `${parent}/environments/production/flags/checkout`;
  const rule = { id: 'beta', condition: { segment: { segments: ['beta'] } }, serve: { variation: 'on' } };
  await calls.ok('FlagService/CreateRule', { name: settings, rule });
  expect(await calls.ok('SegmentService/GetSegment', { name })).toMatchObject({
    segment,
    usedBy: [settings],
  });
  await calls.refused('SegmentService/GetSegment', { name: `${parent}/segments/x` }, { code: 'NOT_FOUND' });
  for (const method of ['ArchiveSegment', 'DeleteSegment'])
    await calls.refused(
      `SegmentService/${method}`,
      { name },
      { code: 'FAILED_PRECONDITION', reason: 'IN_USE' },
    );

  const etag = text(made, 'segment', 'etag');
  const update = { segment: { name, included: ['anna', 'carl'], etag }, updateMask: 'included' };
  expect(await calls.ok('SegmentService/UpdateSegment', update)).toMatchObject({
    segment: { ...segment, included: ['anna', 'carl'] },
  });
  await calls.refused('SegmentService/UpdateSegment', update, STALE);
  const loop = { condition: { segment: { segments: ['beta'] } } };
  await calls.refused(
    'SegmentService/UpdateSegment',
    { segment: { name, ...loop }, updateMask: 'condition' },
    { code: 'INVALID_ARGUMENT' },
  );
  expect(await calls.ok('SegmentService/ListSegments', { parent, query: 'BET' })).toMatchObject({
    segments: [{ key: 'beta' }],
    totalSize: 1,
  });
  await calls.refused('SegmentService/ListSegments', { parent, pageSize: -5 }, { code: 'INVALID_ARGUMENT' });

  await calls.ok('FlagService/DeleteRule', { name: settings, ruleId: 'beta' });
  expect(await calls.ok('SegmentService/ArchiveSegment', { name })).toMatchObject({
    segment: { archived: true },
  });
  await calls.refused('SegmentService/RestoreSegment', { name, etag: OLD_ETAG }, STALE);
  await calls.ok('SegmentService/RestoreSegment', { name });
  await calls.ok('SegmentService/ArchiveSegment', { name });
  await calls.ok('SegmentService/DeleteSegment', { name });
  await calls.refused('SegmentService/DeleteSegment', { name }, { code: 'NOT_FOUND' });
}

import { expect } from 'vitest';
import { list, text } from '../../support/calls.ts';
import { NO_WRITE_SCOPE, newFlag, newProject, newReader, OLD_ETAG, STALE, type Tour } from './tour.ts';

export async function flagsTour({ calls, prefix }: Tour): Promise<void> {
  const parent = await newProject(calls, `${prefix}-flags`);
  await creation({ calls, prefix }, parent);
  await variations({ calls, prefix }, parent);
  await lists({ calls, prefix }, parent);
  await endOfFlag({ calls, prefix }, parent);
}

async function creation({ calls }: Tour, parent: string): Promise<void> {
  const name = `${parent}/flags/banner`;
  const request = {
    parent,
    flagId: 'banner',
    flag: {
      type: 'FLAG_TYPE_JSON',
      displayName: 'Banner',
      tags: ['web', 'growth'],
      variations: [
        { key: 'none', value: {} },
        { key: 'sale', value: { text: 'Sale!', sizes: [1, 2.5, null], deep: { yes: true } } },
      ],
      defaultVariation: 'none',
      jsonSchema: { type: 'object', properties: { text: { type: 'string' } } },
      clientVisible: true,
      temporary: true,
      removalTime: '2031-05-06T07:08:09.010Z',
    },
    enabledEnvironments: ['staging'],
    options: { idempotencyKey: 'banner', reason: 'for the sale' },
  };
  const rehearsal = { ...request, options: { validateOnly: true } };
  expect(await calls.ok('FlagService/CreateFlag', rehearsal)).toMatchObject({ receipt: { unchanged: true } });
  await calls.refused('FlagService/GetFlag', { name }, { code: 'NOT_FOUND' });

  const made = await calls.ok('FlagService/CreateFlag', request);
  const { flag } = request;
  expect(made).toMatchObject({ flag: { ...flag, name, key: 'banner', status: 'FLAG_STATUS_ACTIVE' } });
  expect(await calls.ok('FlagService/CreateFlag', request)).toMatchObject({
    receipt: { replayed: true, revision: text(made, 'receipt', 'revision') },
  });
  expect(await calls.ok('FlagService/GetFlag', { name })).toMatchObject({ flag });
  await calls.refused('FlagService/CreateFlag', { ...request, options: {} }, { code: 'ALREADY_EXISTS' });
  const broken = { type: 'FLAG_TYPE_NUMBER', variations: [{ key: 'one', value: 'a text' }] };
  await calls.refused(
    'FlagService/CreateFlag',
    { parent, flagId: 'broken', flag: broken },
    { code: 'INVALID_ARGUMENT', fields: ['flag.variations[0].value'] },
  );
  await calls
    .as(await newReader(calls, parent))
    .refused('FlagService/CreateFlag', { ...request, flagId: 'other' }, NO_WRITE_SCOPE);

  const etag = text(made, 'flag', 'etag');
  const update = { flag: { name, description: 'new', tags: ['web'], etag }, updateMask: 'description,tags' };
  expect(await calls.ok('FlagService/UpdateFlag', update)).toMatchObject({
    flag: { description: 'new', tags: ['web'], displayName: 'Banner' },
  });
  await calls.refused('FlagService/UpdateFlag', update, STALE);
}

async function variations({ calls }: Tour, project: string): Promise<void> {
  const parent = await newFlag(calls, project, 'colour', {
    ...{ type: 'FLAG_TYPE_STRING', defaultVariation: 'red' },
    variations: [
      { key: 'red', value: '#f00' },
      { key: 'blue', value: '#00f' },
    ],
  });
  const green = { parent, variation: { key: 'green', value: '#0f0' } };
  expect(await calls.ok('FlagService/CreateVariation', green)).toMatchObject({
    flag: { variations: [{ key: 'red' }, { key: 'blue' }, { key: 'green', value: '#0f0' }] },
  });
  await calls.refused('FlagService/CreateVariation', green, {
    code: 'ALREADY_EXISTS',
    reason: 'VARIATION_EXISTS',
  });
  const lighter = { parent, variation: { key: 'green', value: '#8f8' } };
  expect(await calls.ok('FlagService/UpdateVariation', lighter)).toMatchObject({
    flag: { variations: [{ key: 'red' }, { key: 'blue' }, { key: 'green', value: '#8f8' }] },
  });
  await calls.refused('FlagService/UpdateVariation', { ...lighter, etag: OLD_ETAG }, STALE);
  await calls.refused(
    'FlagService/UpdateVariation',
    { parent, variation: { key: 'green', value: 5 } },
    { code: 'INVALID_ARGUMENT', fields: ['flag.variations[2].value'] },
  );
  expect(await calls.ok('FlagService/DeleteVariation', { parent, variationKey: 'green' })).toMatchObject({
    flag: { variations: [{ key: 'red' }, { key: 'blue' }] },
  });
  await calls.refused(
    'FlagService/DeleteVariation',
    { parent, variationKey: 'red' },
    { code: 'FAILED_PRECONDITION', reason: 'IN_USE' },
  );
}

async function lists({ calls }: Tour, parent: string): Promise<void> {
  const all = await calls.ok('FlagService/ListFlags', { parent });
  expect(all.totalSize).toBe(2);
  expect(list(all, 'flags').map(({ key }) => key)).toEqual(['banner', 'colour']);
  expect(await calls.ok('FlagService/ListFlags', { parent, tags: ['web'], temporary: true })).toMatchObject({
    flags: [{ key: 'banner' }],
    totalSize: 1,
  });
  const types = ['FLAG_TYPE_NUMBER'];
  expect(list(await calls.ok('FlagService/ListFlags', { parent, types }), 'flags')).toEqual([]);
  await calls.refused(
    'FlagService/ListFlags',
    { parent, pageToken: 'made up' },
    { code: 'INVALID_ARGUMENT', fields: ['page_token'] },
  );
}

async function endOfFlag({ calls }: Tour, parent: string): Promise<void> {
  const name = `${parent}/flags/banner`;
  await calls.refused(
    'FlagService/DeleteFlag',
    { name },
    { code: 'FAILED_PRECONDITION', reason: 'FLAG_NOT_ARCHIVED' },
  );
  await calls.refused('FlagService/ArchiveFlag', { name, etag: OLD_ETAG }, STALE);
  expect(await calls.ok('FlagService/ArchiveFlag', { name })).toMatchObject({
    flag: { status: 'FLAG_STATUS_ARCHIVED' },
  });
  await calls.refused('FlagService/RestoreFlag', { name, etag: OLD_ETAG }, STALE);
  expect(await calls.ok('FlagService/RestoreFlag', { name })).toMatchObject({
    flag: { status: 'FLAG_STATUS_ACTIVE' },
  });
  await calls.ok('FlagService/ArchiveFlag', { name });
  await calls.ok('FlagService/DeleteFlag', { name });
  await calls.refused('FlagService/GetFlag', { name }, { code: 'NOT_FOUND' });
}

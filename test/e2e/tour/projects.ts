import { expect } from 'vitest';
import { list, text } from '../../support/calls.ts';
import { NO_WRITE_SCOPE, newReader, OLD_ETAG, STALE, type Tour } from './tour.ts';

export async function projectsTour(tour: Tour): Promise<void> {
  await aliveProject(tour);
  await environments(tour);
  await endOfProject(tour);
}

async function aliveProject({ calls, prefix }: Tour): Promise<void> {
  const projectId = `${prefix}-projects`;
  const name = `projects/${projectId}`;
  const creation = {
    projectId,
    project: { displayName: 'Shop' },
    environmentIds: ['production', 'staging'],
    options: { idempotencyKey: 'made-once', reason: 'to try it' },
  };
  const rehearsal = { ...creation, options: { ...creation.options, validateOnly: true } };
  expect(await calls.ok('ProjectService/CreateProject', rehearsal)).toMatchObject({
    receipt: { unchanged: true },
  });
  await calls.refused(
    'ProjectService/GetProject',
    { name },
    { code: 'NOT_FOUND', reason: 'PROJECT_NOT_FOUND' },
  );

  const made = await calls.ok('ProjectService/CreateProject', creation);
  expect(made).toMatchObject({
    project: { name, key: projectId, displayName: 'Shop', revision: '1', version: '1', etag: '"1"' },
    receipt: { revision: '1' },
  });
  expect(await calls.ok('ProjectService/CreateProject', creation)).toMatchObject({
    receipt: { revision: '1', replayed: true },
  });
  await calls.refused(
    'ProjectService/CreateProject',
    { ...creation, project: { displayName: 'Another' } },
    { code: 'INVALID_ARGUMENT', reason: 'IDEMPOTENCY_KEY_REUSED', fields: ['options.idempotency_key'] },
  );
  await calls.refused(
    'ProjectService/CreateProject',
    { projectId },
    { code: 'ALREADY_EXISTS', reason: 'PROJECT_EXISTS' },
  );
  await calls.refused(
    'ProjectService/CreateProject',
    { projectId: 'Not A Key' },
    { code: 'INVALID_ARGUMENT', fields: ['project_id'] },
  );

  const update = { project: { name, displayName: 'Shop 2', etag: OLD_ETAG }, updateMask: 'displayName' };
  expect(await calls.ok('ProjectService/UpdateProject', update)).toMatchObject({
    project: { displayName: 'Shop 2', version: '2' },
  });
  await calls.refused('ProjectService/UpdateProject', update, STALE);
  expect(await calls.ok('ProjectService/GetProject', { name })).toMatchObject({
    project: { displayName: 'Shop 2' },
  });
  const page = await calls.ok('ProjectService/ListProjects', { pageSize: 1000 });
  expect(list(page, 'projects').map((project) => project.name)).toContain(name);
  await calls.refused(
    'ProjectService/ListProjects',
    { pageSize: -1 },
    { code: 'INVALID_ARGUMENT', fields: ['page_size'] },
  );

  const reader = calls.as(await newReader(calls, name));
  expect(await reader.ok('ProjectService/ListProjects')).toMatchObject({ projects: [{ name }] });
  await reader.refused('ProjectService/UpdateProject', update, NO_WRITE_SCOPE);
  await reader.refused(
    'ProjectService/GetProject',
    { name: 'projects/default' },
    { code: 'PERMISSION_DENIED', reason: 'KEY_OF_ANOTHER_PROJECT' },
  );
  await calls
    .as('')
    .refused('ProjectService/GetProject', { name }, { code: 'UNAUTHENTICATED', reason: 'KEY_INVALID' });
}

async function environments({ calls, prefix }: Tour): Promise<void> {
  const parent = `projects/${prefix}-projects`;
  const name = `${parent}/environments/canary`;
  const creation = { parent, environmentId: 'canary', environment: { displayName: 'Canary' } };
  const made = await calls.ok('ProjectService/CreateEnvironment', creation);
  expect(made).toMatchObject({ environment: { name, key: 'canary', displayName: 'Canary' } });
  await calls.refused('ProjectService/CreateEnvironment', creation, { code: 'ALREADY_EXISTS' });
  await calls.refused(
    'ProjectService/CreateEnvironment',
    { ...creation, environmentId: 'other', copyFrom: `${parent}/environments/nowhere` },
    { code: 'NOT_FOUND' },
  );

  const etag = text(made, 'environment', 'etag');
  const update = { environment: { name, description: 'first', etag }, updateMask: 'description' };
  expect(await calls.ok('ProjectService/UpdateEnvironment', update)).toMatchObject({
    environment: { description: 'first' },
  });
  await calls.refused('ProjectService/UpdateEnvironment', update, STALE);
  await calls.refused(
    'ProjectService/UpdateEnvironment',
    { environment: { name, key: 'x' }, updateMask: 'key' },
    { code: 'INVALID_ARGUMENT', fields: ['update_mask'] },
  );
  expect(await calls.ok('ProjectService/GetEnvironment', { name })).toMatchObject({
    environment: { description: 'first' },
  });
  await calls.refused(
    'ProjectService/GetEnvironment',
    { name: `${parent}/environments/nowhere` },
    { code: 'NOT_FOUND' },
  );

  const first = await calls.ok('ProjectService/ListEnvironments', { parent, pageSize: 2 });
  const second = await calls.ok('ProjectService/ListEnvironments', {
    ...{ parent, pageSize: 2, pageToken: text(first, 'nextPageToken') },
  });
  expect([...list(first, 'environments'), ...list(second, 'environments')].map(({ key }) => key)).toEqual([
    'canary',
    'production',
    'staging',
  ]);
  await calls.refused(
    'ProjectService/ListEnvironments',
    { parent, showArchived: true, pageToken: text(first, 'nextPageToken') },
    { code: 'INVALID_ARGUMENT', fields: ['page_token'] },
  );

  await calls.refused('ProjectService/DeleteEnvironment', { name }, { code: 'FAILED_PRECONDITION' });
  await calls.refused('ProjectService/ArchiveEnvironment', { name, etag }, STALE);
  expect(await calls.ok('ProjectService/ArchiveEnvironment', { name })).toMatchObject({
    environment: { archived: true },
  });
  await calls.refused('ProjectService/RestoreEnvironment', { name, etag }, STALE);
  const restored = await calls.ok('ProjectService/RestoreEnvironment', { name });
  expect(restored).not.toMatchObject({ environment: { archived: true } });
  await calls.ok('ProjectService/ArchiveEnvironment', { name });
  await calls.ok('ProjectService/DeleteEnvironment', { name });
  await calls.refused('ProjectService/ArchiveEnvironment', { name }, { code: 'NOT_FOUND' });
}

async function endOfProject({ calls, prefix }: Tour): Promise<void> {
  const name = `projects/${prefix}-projects`;
  await calls.refused(
    'ProjectService/DeleteProject',
    { name },
    { code: 'FAILED_PRECONDITION', reason: 'PROJECT_NOT_ARCHIVED' },
  );
  await calls.refused('ProjectService/ArchiveProject', { name, etag: OLD_ETAG }, STALE);
  expect(await calls.ok('ProjectService/ArchiveProject', { name })).toMatchObject({
    project: { archived: true },
  });
  const environment = `${name}/environments/production`;
  await calls.refused('EvaluationService/EvaluateAll', { environment }, { code: 'NOT_FOUND' });
  await calls.refused('ProjectService/RestoreProject', { name, etag: OLD_ETAG }, STALE);
  await calls.ok('ProjectService/RestoreProject', { name });
  await calls.ok('ProjectService/ArchiveProject', { name });
  const deleted = await calls.ok('ProjectService/DeleteProject', { name });
  expect(Number(text(deleted, 'receipt', 'revision'))).toBeGreaterThan(1);
  await calls.refused('ProjectService/GetProject', { name }, { code: 'NOT_FOUND' });
  await calls.refused(
    'ProjectService/CreateProject',
    { projectId: `${prefix}-projects` },
    { code: 'ALREADY_EXISTS', reason: 'PROJECT_KEY_USED' },
  );
}

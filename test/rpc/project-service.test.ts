import { Code } from '@connectrpc/connect';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { ErrorInfoSchema } from '../../gen/google/rpc/error_details_pb.ts';
import { KeyKind } from '../../gen/vexil/v1/key_service_pb.ts';
import { BOOLEAN, errorOf, openService, ROOT, type Service } from '../support/in-process-service.ts';

let service: Service;
beforeEach(async () => {
  service = await openService();
});
afterEach(() => service[Symbol.asyncDispose]());

const shop = 'projects/shop';
const production = 'projects/shop/environments/production';

describe('a project', () => {
  test('begins with production and staging, and is called as its key', async () => {
    const { project, receipt } = await service.projects.createProject({ projectId: 'shop' });
    expect(project).toMatchObject({ name: shop, key: 'shop', displayName: 'shop', version: 1n, etag: '"1"' });
    expect(receipt).toMatchObject({ revision: 1n, replayed: false, unchanged: false });
    const { environments } = await service.projects.listEnvironments({ parent: shop });
    expect(environments.map(({ key }) => key)).toEqual(['production', 'staging']);
  });

  test('can begin with other environments, each named once', async () => {
    await service.projects.createProject({ projectId: 'shop', environmentIds: ['dev'] });
    const { environments } = await service.projects.listEnvironments({ parent: shop });
    expect(environments.map(({ name }) => name)).toEqual(['projects/shop/environments/dev']);
    const twice = service.projects.createProject({ projectId: 'other', environmentIds: ['dev', 'dev'] });
    expect(await errorOf(twice)).toMatchObject({ code: Code.InvalidArgument });
  });

  test.each(['', 'Shop', 'a/b', '_system', '-a', 'x'.repeat(64)])(
    'cannot have the key %j',
    async (projectId) => {
      expect(await errorOf(service.projects.createProject({ projectId }))).toMatchObject({
        code: Code.InvalidArgument,
      });
    },
  );

  test('exists once', async () => {
    await service.projects.createProject({ projectId: 'shop' });
    const again = await errorOf(service.projects.createProject({ projectId: 'shop' }));
    expect(again.code).toBe(Code.AlreadyExists);
  });

  test('is made once by repeated calls with one idempotency key', async () => {
    const request = { projectId: 'shop', options: { idempotencyKey: 'k1', reason: 'launch' } };
    const first = await service.projects.createProject(request);
    const second = await service.projects.createProject(request);
    expect(second.receipt).toMatchObject({ revision: first.receipt?.revision, replayed: true });
    const other = { ...request, environmentIds: ['dev'] };
    expect(await errorOf(service.projects.createProject(other))).toMatchObject({
      code: Code.InvalidArgument,
    });
  });

  test('is not made by a call that asks for validation only', async () => {
    const { project, receipt } = await service.projects.createProject({
      projectId: 'shop',
      options: { validateOnly: true },
    });
    expect(project?.key).toBe('shop');
    expect(receipt).toMatchObject({ unchanged: true, revision: 0n });
    expect(await errorOf(service.projects.getProject({ name: shop }))).toMatchObject({ code: Code.NotFound });
  });

  test('is updated field by field', async () => {
    await service.projects.createProject({
      projectId: 'shop',
      project: { displayName: 'Shop', description: 'x' },
    });
    const { project } = await service.projects.updateProject({
      project: { name: shop, displayName: 'Store' },
    });
    expect(project).toMatchObject({ displayName: 'Store', description: 'x', version: 2n });
    const cleared = await service.projects.updateProject({
      project: { name: shop },
      updateMask: { paths: ['description'] },
    });
    expect(cleared.project).toMatchObject({ displayName: 'Store', description: '' });
  });

  test('keeps its revision when an update changes nothing', async () => {
    await service.projects.createProject({ projectId: 'shop' });
    const { receipt, project } = await service.projects.updateProject({
      project: { name: shop, displayName: 'shop' },
    });
    expect(receipt).toMatchObject({ unchanged: true, revision: 1n });
    expect(project).toMatchObject({ version: 1n, revision: 1n });
  });

  test('is not updated by somebody who has seen an older one', async () => {
    await service.projects.createProject({ projectId: 'shop' });
    await service.projects.updateProject({ project: { name: shop, displayName: 'b', etag: '"1"' } });
    const stale = await errorOf(
      service.projects.updateProject({ project: { name: shop, displayName: 'c', etag: '"1"' } }),
    );
    expect(stale.code).toBe(Code.Aborted);
    expect(stale.findDetails(ErrorInfoSchema)[0]).toMatchObject({
      reason: 'ETAG_MISMATCH',
      metadata: { current_etag: '"2"' },
    });
  });

  test('is hidden and not changed while it is archived', async () => {
    await service.projects.createProject({ projectId: 'shop' });
    await service.projects.archiveProject({ name: shop });
    expect((await service.projects.listProjects({})).projects).toEqual([]);
    expect((await service.projects.listProjects({ showArchived: true })).projects).toHaveLength(1);
    const update = service.projects.updateProject({ project: { name: shop, displayName: 'x' } });
    expect(await errorOf(update)).toMatchObject({ code: Code.FailedPrecondition });
    const { project } = await service.projects.restoreProject({ name: shop });
    expect(project?.archived).toBe(false);
  });

  test('can be deleted once it is archived, and its key is not free again', async () => {
    await service.projects.createProject({ projectId: 'shop' });
    await service.flags.createFlag({ parent: shop, flagId: 'a', flag: BOOLEAN });
    expect(await errorOf(service.projects.deleteProject({ name: shop }))).toMatchObject({
      code: Code.FailedPrecondition,
    });
    await service.projects.archiveProject({ name: shop });
    await service.projects.deleteProject({ name: shop });
    expect(await errorOf(service.projects.getProject({ name: shop }))).toMatchObject({ code: Code.NotFound });
    expect(await errorOf(service.projects.createProject({ projectId: 'shop' }))).toMatchObject({
      code: Code.AlreadyExists,
    });
    const state = await service.instance.catalog.catchUp('shop');
    expect([state.project, state.flags.size, state.environments.size]).toEqual([undefined, 0, 0]);
  });

  test('that never was cannot be changed', async () => {
    expect(await errorOf(service.projects.archiveProject({ name: shop }))).toMatchObject({
      code: Code.NotFound,
    });
    const environment = service.projects.createEnvironment({ parent: shop, environmentId: 'dev' });
    expect(await errorOf(environment)).toMatchObject({ code: Code.NotFound });
  });
});

test('projects are listed page by page, and only those that the key reaches', async () => {
  for (const projectId of ['c', 'a', 'b']) await service.projects.createProject({ projectId });
  const first = await service.projects.listProjects({ pageSize: 2 });
  const second = await service.projects.listProjects({ pageSize: 2, pageToken: first.nextPageToken });
  expect([...first.projects, ...second.projects].map(({ key }) => key)).toEqual(['a', 'b', 'c']);
  expect(second.nextPageToken).toBe('');
  const { projects } = service.as({ ...ROOT, project: 'b' });
  expect((await projects.listProjects({})).projects.map(({ key }) => key)).toEqual(['b']);
});

describe('an environment', () => {
  beforeEach(async () => {
    await service.projects.createProject({ projectId: 'shop' });
  });

  test('begins with the settings of the one that it copies', async () => {
    await service.flags.createFlag({
      parent: shop,
      flagId: 'a',
      flag: BOOLEAN,
      enabledEnvironments: ['production'],
    });
    const { environment } = await service.projects.createEnvironment({
      parent: shop,
      environmentId: 'canary',
      copyFrom: production,
    });
    expect(environment).toMatchObject({ key: 'canary', displayName: 'canary' });
    const settings = async (of: string) =>
      (await service.flags.getFlagSettings({ name: `projects/shop/environments/${of}/flags/a` })).settings;
    expect(await settings('canary')).toMatchObject({ enabled: true });
    await service.projects.createEnvironment({ parent: shop, environmentId: 'empty' });
    expect(await settings('empty')).toMatchObject({ enabled: false });
  });

  test('can copy only from one of the same project that exists', async () => {
    const from = (copyFrom: string) =>
      errorOf(service.projects.createEnvironment({ parent: shop, environmentId: 'canary', copyFrom }));
    expect(await from('projects/other/environments/production')).toMatchObject({
      code: Code.InvalidArgument,
    });
    expect(await from('projects/shop/environments/nowhere')).toMatchObject({ code: Code.NotFound });
  });

  test('exists once and has an etag like everything else', async () => {
    const again = service.projects.createEnvironment({ parent: shop, environmentId: 'staging' });
    expect(await errorOf(again)).toMatchObject({ code: Code.AlreadyExists });
    const update = service.projects.updateEnvironment({
      environment: { name: production, displayName: 'Live', etag: '"7"' },
    });
    expect(await errorOf(update)).toMatchObject({ code: Code.Aborted });
    const { environment } = await service.projects.updateEnvironment({
      environment: { name: production, displayName: 'Live', etag: '"1"' },
    });
    expect(environment).toMatchObject({ displayName: 'Live', version: 2n });
  });

  test('records everything and keeps no attributes, until it is told otherwise', async () => {
    const nothingSaid = { disabled: false, keptAttributes: [], hashTargetingKeys: false };
    const recordingOf = async () =>
      (await service.projects.getEnvironment({ name: production })).environment?.recording;
    expect(await recordingOf()).toMatchObject(nothingSaid);
    const recording = { keptAttributes: ['plan', 'country'], hashTargetingKeys: true };
    await service.projects.updateEnvironment({ environment: { name: production, recording } });
    expect(await recordingOf()).toMatchObject({ ...recording, disabled: false });
    await service.projects.updateEnvironment({ environment: { name: production, displayName: 'Live' } });
    expect(await recordingOf()).toMatchObject(recording);
    const updateMask = { paths: ['recording'] };
    await service.projects.updateEnvironment({ environment: { name: production }, updateMask });
    expect(await recordingOf()).toMatchObject(nothingSaid);
  });

  test.each([
    ['the same attribute twice', ['plan', 'plan'], 'environment.recording.kept_attributes[1]'],
    ['an attribute without a name', [''], 'environment.recording.kept_attributes[0]'],
    ['more than fifty', fiftyOne(), 'environment.recording.kept_attributes'],
  ])('keeps not %s', async (_, keptAttributes, field) => {
    const update = service.projects.updateEnvironment({
      environment: { name: production, recording: { keptAttributes } },
    });
    const error = await errorOf(update);
    expect(error.code).toBe(Code.InvalidArgument);
    expect(error.message).toContain(field);
  });

  test('is made with a recording of its own', async () => {
    const { environment } = await service.projects.createEnvironment({
      parent: shop,
      environmentId: 'load-test',
      environment: { recording: { disabled: true } },
    });
    expect(environment?.recording).toMatchObject({ disabled: true });
  });

  test('takes its settings and its keys with it when it is deleted', async () => {
    await service.flags.createFlag({
      parent: shop,
      flagId: 'a',
      flag: BOOLEAN,
      enabledEnvironments: ['production'],
    });
    for (const environment of [production, 'projects/shop/environments/staging'])
      await service.keys.createKey({ parent: shop, key: { kind: KeyKind.SERVER, environment } });
    expect(await errorOf(service.projects.deleteEnvironment({ name: production }))).toMatchObject({
      code: Code.FailedPrecondition,
    });
    await service.projects.archiveEnvironment({ name: production });
    await service.projects.deleteEnvironment({ name: production });
    const state = service.instance.catalog.state('shop');
    expect([...state.environments.keys()]).toEqual(['staging']);
    expect(state.settings.get('production')?.size ?? 0).toBe(0);
    expect([...state.keys.values()].map((key) => key.state.environment)).toEqual(['staging']);
  });

  test('is hidden while it is archived', async () => {
    await service.projects.archiveEnvironment({ name: production });
    const listed = async (showArchived: boolean) =>
      (await service.projects.listEnvironments({ parent: shop, showArchived })).environments.map(
        ({ key }) => key,
      );
    expect(await listed(false)).toEqual(['staging']);
    expect(await listed(true)).toEqual(['production', 'staging']);
    await service.projects.restoreEnvironment({ name: production });
    expect(await listed(false)).toEqual(['production', 'staging']);
  });
});

function fiftyOne(): string[] {
  return Array.from({ length: 51 }, (_, index) => `attribute ${index}`);
}

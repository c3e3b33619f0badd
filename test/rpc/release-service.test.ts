import { Code } from '@connectrpc/connect';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { ReleaseState } from '../../gen/vexil/v1/definitions_pb.ts';
import { BOOLEAN, errorOf, openShop, type Service } from '../support/in-process-service.ts';

let service: Service;
beforeEach(async () => {
  service = await openShop();
  for (const flagId of ['a', 'b']) await service.flags.createFlag({ parent, flagId, flag: BOOLEAN });
});
afterEach(() => service[Symbol.asyncDispose]());

const parent = 'projects/shop';
const nameOf = (release: string) => `projects/shop/releases/${release}`;
const make = (releaseId: string, branch = 'main') =>
  service.releases.createRelease({
    parent,
    releaseId,
    release: { branch, runtimeVersion: '1.2.0', rolloutWeight: 50_000, flags: { a: 'on', b: 'off' } },
  });

test('a release comes back as it was made, and is active', async () => {
  const { release } = await make('r1');
  expect(release).toMatchObject({
    name: nameOf('r1'),
    branch: 'main',
    runtimeVersion: '1.2.0',
    rolloutWeight: 50_000,
    state: ReleaseState.ACTIVE,
    flags: { a: 'on', b: 'off' },
  });
  expect((await service.releases.getRelease({ name: nameOf('r1') })).release).toEqual(release);
});

test('an update replaces what it names, and nothing of a release that is over', async () => {
  await make('r1');
  const { release } = await service.releases.updateRelease({
    release: { name: nameOf('r1'), rolloutWeight: 100_000 },
  });
  expect(release).toMatchObject({ rolloutWeight: 100_000, branch: 'main', flags: { a: 'on', b: 'off' } });
  await service.releases.completeRelease({ name: nameOf('r1') });
  const late = service.releases.updateRelease({ release: { name: nameOf('r1'), rolloutWeight: 1 } });
  expect(await errorOf(late)).toMatchObject({ code: Code.FailedPrecondition });
});

test('one flag of a release can be rolled back, once and for all', async () => {
  await make('r1');
  const roll = (flag: string) => service.releases.rollBackRelease({ name: nameOf('r1'), flag });
  expect((await roll('a')).release).toMatchObject({ rolledBackFlags: ['a'], state: ReleaseState.ACTIVE });
  expect((await roll('a')).receipt).toMatchObject({ unchanged: true });
  expect(await errorOf(roll('c'))).toMatchObject({ code: Code.NotFound });
});

test('a flag that the release no longer sets is no longer rolled back either', async () => {
  await make('r1');
  await service.releases.rollBackRelease({ name: nameOf('r1'), flag: 'a' });
  const { release } = await service.releases.updateRelease({
    release: { name: nameOf('r1'), flags: { b: 'on' } },
  });
  expect(release).toMatchObject({ flags: { b: 'on' }, rolledBackFlags: [] });
});

test('a whole release can be rolled back, and then not be completed', async () => {
  await make('r1');
  const { release } = await service.releases.rollBackRelease({ name: nameOf('r1') });
  expect(release?.state).toBe(ReleaseState.ROLLED_BACK);
  expect(await errorOf(service.releases.completeRelease({ name: nameOf('r1') }))).toMatchObject({
    code: Code.FailedPrecondition,
  });
});

test('every active release of a branch is rolled back in one change', async () => {
  for (const key of ['r1', 'r2', 'r3']) await make(key);
  await make('other', 'beta');
  await service.releases.completeRelease({ name: nameOf('r3') });
  const head = service.instance.catalog.state('shop').revision;
  const { releases, receipt } = await service.releases.rollBackBranch({ parent, branch: 'main' });
  expect(releases.map(({ key, state }) => [key, state])).toEqual([
    ['r1', ReleaseState.ROLLED_BACK],
    ['r2', ReleaseState.ROLLED_BACK],
  ]);
  expect(receipt?.revision).toBe(BigInt(head + 1));
  const { release } = await service.releases.getRelease({ name: nameOf('other') });
  expect(release?.state).toBe(ReleaseState.ACTIVE);
});

test('a branch that no release is of is not found, and none at all is invalid', async () => {
  await make('r1');
  const roll = (branch: string) => errorOf(service.releases.rollBackBranch({ parent, branch }));
  expect(await roll('mian')).toMatchObject({ code: Code.NotFound });
  expect(await roll('')).toMatchObject({ code: Code.InvalidArgument });
});

test('releases are listed by branch and state', async () => {
  await make('r1');
  await make('r2');
  await make('r3', 'beta');
  await service.releases.completeRelease({ name: nameOf('r2') });
  const keys = async (filter: { branch?: string; states?: ReleaseState[] }) =>
    (await service.releases.listReleases({ parent, ...filter })).releases.map(({ key }) => key);
  expect(await keys({})).toEqual(['r1', 'r2', 'r3']);
  expect(await keys({ branch: 'main' })).toEqual(['r1', 'r2']);
  expect(await keys({ branch: 'main', states: [ReleaseState.ACTIVE] })).toEqual(['r1']);
  const unknown = service.releases.listReleases({ parent, states: [ReleaseState.UNSPECIFIED] });
  expect(await errorOf(unknown)).toMatchObject({ code: Code.InvalidArgument });
});

test('an active release cannot be deleted', async () => {
  await make('r1');
  expect(await errorOf(service.releases.deleteRelease({ name: nameOf('r1') }))).toMatchObject({
    code: Code.FailedPrecondition,
  });
  await service.releases.completeRelease({ name: nameOf('r1') });
  await service.releases.deleteRelease({ name: nameOf('r1') });
  expect(await errorOf(service.releases.getRelease({ name: nameOf('r1') }))).toMatchObject({
    code: Code.NotFound,
  });
});

import { expect } from 'vitest';
import { list, text } from '../../support/calls.ts';
import { newFlag, newProject, OLD_ETAG, STALE, type Tour } from './tour.ts';

export async function releasesTour({ calls, prefix }: Tour): Promise<void> {
  const parent = await newProject(calls, `${prefix}-releases`);
  await newFlag(calls, parent, 'checkout');
  await newFlag(calls, parent, 'search');
  const release = {
    ...{ branch: 'main', runtimeVersion: '3.1.0', rolloutWeight: 25_000 },
    flags: { checkout: 'on', search: 'off' },
  };
  for (const releaseId of ['r1', 'r2', 'r3'])
    expect(await calls.ok('ReleaseService/CreateRelease', { parent, releaseId, release })).toMatchObject({
      release: { ...release, name: `${parent}/releases/${releaseId}`, state: 'RELEASE_STATE_ACTIVE' },
    });
  await calls.refused(
    'ReleaseService/CreateRelease',
    { parent, releaseId: 'r1', release },
    { code: 'ALREADY_EXISTS' },
  );
  await calls.refused(
    'ReleaseService/CreateRelease',
    { parent, releaseId: 'r4', release: { ...release, flags: { checkout: 'purple' } } },
    { code: 'INVALID_ARGUMENT' },
  );

  const name = `${parent}/releases/r1`;
  const now = await calls.ok('ReleaseService/GetRelease', { name });
  expect(now).toMatchObject({ release: { ...release, name } });
  await calls.refused('ReleaseService/GetRelease', { name: `${parent}/releases/r9` }, { code: 'NOT_FOUND' });
  const etag = text(now, 'release', 'etag');
  const update = { release: { name, rolloutWeight: 50_000, etag }, updateMask: 'rolloutWeight' };
  expect(await calls.ok('ReleaseService/UpdateRelease', update)).toMatchObject({
    release: { ...release, rolloutWeight: 50_000 },
  });
  await calls.refused('ReleaseService/UpdateRelease', update, STALE);

  expect(await calls.ok('ReleaseService/RollBackRelease', { name, flag: 'search' })).toMatchObject({
    release: { rolledBackFlags: ['search'], state: 'RELEASE_STATE_ACTIVE' },
  });
  await calls.refused('ReleaseService/RollBackRelease', { name, flag: 'nope' }, { code: 'NOT_FOUND' });
  await calls.refused('ReleaseService/CompleteRelease', { name, etag: OLD_ETAG }, STALE);
  expect(await calls.ok('ReleaseService/CompleteRelease', { name })).toMatchObject({
    release: { state: 'RELEASE_STATE_COMPLETED' },
  });
  await calls.refused(
    'ReleaseService/RollBackRelease',
    { name, flag: 'checkout' },
    { code: 'FAILED_PRECONDITION', reason: 'RELEASE_NOT_ACTIVE' },
  );

  const back = await calls.ok('ReleaseService/RollBackBranch', { parent, branch: 'main' });
  expect(list(back, 'releases').map(({ key, state }) => [key, state])).toEqual([
    ['r2', 'RELEASE_STATE_ROLLED_BACK'],
    ['r3', 'RELEASE_STATE_ROLLED_BACK'],
  ]);
  await calls.refused(
    'ReleaseService/RollBackBranch',
    { parent, branch: 'nope' },
    { code: 'NOT_FOUND', reason: 'BRANCH_NOT_FOUND' },
  );
  const states = ['RELEASE_STATE_COMPLETED'];
  expect(await calls.ok('ReleaseService/ListReleases', { parent, branch: 'main', states })).toMatchObject({
    releases: [{ key: 'r1' }],
    totalSize: 1,
  });
  await calls.refused('ReleaseService/ListReleases', { parent: 'x' }, { code: 'INVALID_ARGUMENT' });
  await calls.ok('ReleaseService/DeleteRelease', { name });
  await calls.refused('ReleaseService/DeleteRelease', { name }, { code: 'NOT_FOUND' });
}

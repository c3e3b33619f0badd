import { expect, test } from 'vitest';
import { snapshotSince } from '../../src/app/environment-access.ts';
import { createEnvironment } from '../../src/app/manage/environments.ts';
import { createProject } from '../../src/app/manage/projects.ts';
import { openInstance } from '../support/instance.ts';

const named = (key: string) => ({ key, name: '', description: '' });

test('an environment is found at the revision that made it, on another replica too', async () => {
  await using first = await openInstance();
  await using second = await openInstance({ directory: first.directory });
  await first.commit('shop', createProject({ ...named('shop'), environments: ['production'] }));
  await second.catalog.catchUp('shop');
  const { revision } = await first.commit('shop', createEnvironment(named('staging')));
  const place = { project: 'shop', environment: 'staging' };
  expect((await snapshotSince(second.catalog, place, revision)).revision).toBe(revision);
  await expect(snapshotSince(second.catalog, place, revision + 1)).rejects.toMatchObject({
    kind: 'unavailable',
  });
  const nowhere = { project: 'shop', environment: 'moon' };
  await expect(snapshotSince(second.catalog, nowhere, revision)).rejects.toMatchObject({ kind: 'not_found' });
});

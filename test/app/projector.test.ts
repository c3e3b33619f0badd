import { describe, expect, it, vi } from 'vitest';
import { openSqliteProjection } from '../../src/adapters/sqlite/sqlite-projection.ts';
import { createProject } from '../../src/app/manage/projects.ts';
import { objectsOf } from '../../src/app/project-state.ts';
import { Projector } from '../../src/app/projector.ts';
import { canonicalJson } from '../../src/core/canonical-json.ts';
import { FlagError } from '../../src/core/errors.ts';
import type { Projection } from '../../src/ports/projection.ts';
import { temporaryDirectory } from '../contract/sqlite-stores.ts';
import { type Instance, openInstance } from '../support/instance.ts';

/** A projection for several replicas, which counts what is asked of it. */
async function openShared() {
  const directory = await temporaryDirectory();
  const projection = await openSqliteProjection(directory.path);
  const counted = { apply: vi.fn(projection.apply), reset: vi.fn(projection.reset) };
  return {
    ...projection,
    ...counted,
    async [Symbol.asyncDispose]() {
      await projection[Symbol.asyncDispose]();
      await directory[Symbol.asyncDispose]();
    },
  };
}

function projectorOf(instance: Instance, projection: Projection, repairs = false): Projector {
  const report = (problem: string) => void instance.reports.push(problem);
  return new Projector({ catalog: instance.catalog, projection, clock: instance.clock, report, repairs });
}

const make = (instance: Instance, key: string) =>
  instance.commit(key, createProject({ key, name: key, description: '', environments: ['production'] }));

const rename = (instance: Instance, name: string) =>
  instance.commit('shop', (state) => {
    if (state.project === undefined) throw new Error('no project');
    return {
      operations: [{ op: 'put', object: { kind: 'project', state: { ...state.project.state, name } } }],
    };
  });

/** Demands that the projection holds what the replica does. */
async function expectSaved(instance: Instance, projection: Projection): Promise<void> {
  const state = instance.catalog.state('shop');
  const loaded = await projection.load('shop');
  expect(loaded).toMatchObject({ revision: state.revision, hash: state.hash });
  const byKind = (objects: readonly unknown[]) => objects.map(canonicalJson).sort();
  expect(byKind(loaded?.objects.map(({ object }) => object) ?? [])).toEqual(
    byKind([...objectsOf(state)].map((stored) => stored.state)),
  );
}

describe('a projection of several replicas', () => {
  it('is written by one, and left alone by those who come later', async () => {
    await using shared = await openShared();
    await using one = await openInstance();
    await using other = await openInstance({ directory: one.directory });
    await using first = projectorOf(one, shared);
    await using second = projectorOf(other, shared);
    await make(one, 'shop');
    for (const name of ['a', 'b', 'c']) {
      await rename(one, name);
      await other.catalog.catchUp('shop');
      await first.flush();
      await second.flush();
      await expectSaved(one, shared);
    }
    expect(shared.reset).not.toHaveBeenCalled();
    expect(shared.apply).toHaveBeenCalledTimes(4);
  });

  it('is not taken back by a replica that is behind', async () => {
    await using shared = await openShared();
    await using one = await openInstance();
    await using late = await openInstance({ directory: one.directory });
    await make(one, 'shop');
    await late.catalog.catchUp('shop');
    await using first = projectorOf(one, shared);
    await rename(one, 'newer');
    await first.flush();
    await using second = projectorOf(late, shared, true);
    late.clock.advance(1_000);
    await second.flush();
    await expectSaved(one, shared);
    expect(shared.reset).toHaveBeenCalledTimes(1);
  });

  it('is tried again while somebody else is writing, until it is done', async () => {
    await using shared = await openShared();
    await using one = await openInstance();
    await using projector = projectorOf(one, shared);
    shared.apply.mockResolvedValueOnce(false);
    await make(one, 'shop');
    await projector.flush();
    expect(await shared.load('shop')).toBeUndefined();
    await rename(one, 'newer');
    one.clock.advance(1_000);
    await projector.flush();
    await expectSaved(one, shared);
    expect(shared.reset).not.toHaveBeenCalled();
  });

  it('is repaired at the start if it is missing, damaged, behind or of another history', async () => {
    await using one = await openInstance();
    await make(one, 'shop');
    const before = one.catalog.state('shop');
    await rename(one, 'newer');
    const breaks: ((projection: Projection) => unknown)[] = [
      () => undefined,
      (projection) => projection.reset('shop', before, []),
      (projection) => projection.reset('shop', { revision: 9, hash: 'of another history' }, []),
      (projection) => {
        const { revision, hash } = one.catalog.state('shop');
        vi.spyOn(projection, 'load').mockResolvedValueOnce(undefined);
        return projection.reset('shop', { revision, hash }, []);
      },
    ];
    for (const breakIt of breaks) {
      await using shared = await openShared();
      await breakIt(shared);
      await using projector = projectorOf(one, shared, true);
      await projector.flush();
      await expectSaved(one, shared);
    }
  });

  it('is left alone at the start if it is as it should be', async () => {
    await using shared = await openShared();
    await using one = await openInstance();
    await make(one, 'shop');
    await using first = projectorOf(one, shared, true);
    await first.flush();
    await using second = projectorOf(one, shared, true);
    await second.flush();
    expect(shared.reset).toHaveBeenCalledTimes(1);
    expect(shared.apply).not.toHaveBeenCalled();
  });

  it('is saved later, without another change, after its store was away', async () => {
    await using shared = await openShared();
    await using one = await openInstance();
    await using projector = projectorOf(one, shared, true);
    await projector.flush();
    shared.apply.mockRejectedValueOnce(new FlagError('unavailable', 'the store cannot be reached'));
    await make(one, 'shop');
    await projector.flush();
    expect(one.reports).toContain('cannot save the projection');
    expect(await shared.load('shop')).toBeUndefined();
    one.clock.advance(5_000);
    await projector.flush();
    await expectSaved(one, shared);
  });

  it('does not ask a store that is away for each project, and has saved all when it is back', async () => {
    await using shared = await openShared();
    await using one = await openInstance();
    await using projector = projectorOf(one, shared, true);
    for (const key of ['shop', 'b', 'c']) await make(one, key);
    const away = new FlagError('unavailable', 'away', { reason: 'STORE_UNREACHABLE' });
    shared.apply.mockRejectedValueOnce(away);
    await projector.flush();
    expect(shared.apply).toHaveBeenCalledTimes(1);
    one.clock.advance(5_000);
    await projector.flush();
    expect(await shared.projects()).toEqual(['b', 'c', 'shop']);
  });
});

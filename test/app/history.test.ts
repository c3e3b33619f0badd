import { afterEach, beforeEach, expect, test } from 'vitest';
import { History } from '../../src/app/history.ts';
import { createProject, updateProject } from '../../src/app/manage/projects.ts';
import { createSegment, deleteSegment, updateSegment } from '../../src/app/manage/segments.ts';
import { objectsOf, type ProjectState } from '../../src/app/project-state.ts';
import type { ObjectState } from '../../src/core/change.ts';
import { changeAfter } from '../contract/samples.ts';
import { type Instance, openInstance } from '../support/instance.ts';

const segment = (key: string) => ({ key, name: key, description: '', included: [], excluded: [] });
const project = { key: 'shop', name: 'Shop', description: '', environments: ['production'] };

let instance: Instance;
beforeEach(async () => {
  instance = await openInstance();
  await instance.commit('shop', createProject(project), 'project.create');
});
afterEach(() => instance[Symbol.asyncDispose]());

const contentOf = (state: ProjectState) => ({
  at: [state.revision, state.hash, state.time],
  objects: new Map([...objectsOf(state)].map(({ state: object, version }) => [object, version])),
});

test('a past state is what was live at that revision, in whatever order it is asked for', async () => {
  const live: ProjectState[] = [instance.catalog.state('shop')];
  const plans = [
    createSegment(segment('a')),
    createSegment(segment('b')),
    updateSegment('a', { name: 'A' }),
    deleteSegment('b'),
    updateProject({ name: 'Store' }),
    ...Array.from({ length: 12 }, (_, index) => createSegment(segment(`s${index}`))),
  ];
  for (const plan of plans) {
    await instance.commit('shop', plan);
    instance.clock.advance(10);
    live.push(instance.catalog.state('shop'));
  }
  const history = new History(instance.log);
  for (const state of [...live, ...live.toReversed()])
    expect(contentOf(await history.stateAt('shop', state.revision))).toEqual(contentOf(state));
  expect((await history.stateAt('shop', 0)).project).toBeUndefined();
});

test('states that are asked for at the same time do not mix', async () => {
  for (const key of ['a', 'b', 'c']) await instance.commit('shop', createSegment(segment(key)));
  await instance.commit('other', createProject({ ...project, key: 'other' }));
  const history = new History(instance.log);
  const states = await Promise.all([
    history.stateAt('shop', 2),
    history.stateAt('other', 1),
    history.stateAt('shop', 4),
    history.stateAt('shop', 2),
  ]);
  expect(states.map(({ key, segments }) => [key, segments.size])).toEqual([
    ['shop', 1],
    ['other', 0],
    ['shop', 3],
    ['shop', 1],
  ]);
});

test('a replay that fails does not stand in the way of the next', async () => {
  const history = new History(instance.log);
  const failing = history.stateAt('shop', 99);
  const fine = history.stateAt('shop', 1);
  await expect(failing).rejects.toMatchObject({ kind: 'out_of_range', details: { metadata: { head: '1' } } });
  expect((await fine).revision).toBe(1);
});

test('only so many wait for past states of a project, and another project does not wait with them', async () => {
  await instance.commit('other', createProject({ ...project, key: 'other' }));
  const history = new History(instance.log);
  const ending = new AbortController();
  const asked = Array.from({ length: 20 }, () => history.stateAt('shop', 1, ending.signal));
  ending.abort();
  const outcomes = await Promise.allSettled(asked);
  const kinds = outcomes.map((outcome) => (outcome.status === 'rejected' ? outcome.reason.kind : 'done'));
  expect(kinds.filter((kind) => kind === 'exhausted')).toHaveLength(4);
  expect(kinds.filter((kind) => kind === 'cancelled')).toHaveLength(16);
  for (let count = 0; count < 16; count++)
    await instance.commit('shop', updateProject({ name: String(count) }));
  let done = 0;
  const full = Promise.allSettled(
    Array.from({ length: 17 }, async (_, index) => {
      await history.stateAt('shop', 17 - index);
      done++;
    }),
  );
  expect((await history.stateAt('other', 1)).key).toBe('other');
  expect(done).toBeLessThan(16);
  const refused = (await full).filter(({ status }) => status === 'rejected');
  expect(refused).toMatchObject([{ reason: { kind: 'exhausted', details: { retryAfterMs: 1_000 } } }]);
  expect((await history.stateAt('shop', 1)).revision).toBe(1);
});

test('a search that finds nothing for long ends with a place to go on from', async () => {
  for (let count = 0; count < 120; count++)
    await instance.commit('shop', updateProject({ name: String(count) }));
  const history = new History(instance.log, { scannedPerCall: 100 });
  const first = await history.list('shop', { action: 'project.create' }, 10);
  expect(first).toEqual({ changes: [], next: 22 });
  const second = await history.list('shop', { action: 'project.create' }, 10, first.next);
  expect(second.changes.map(({ revision }) => revision)).toEqual([1]);
  expect(second.next).toBeUndefined();
});

test('a project that never was has no past', async () => {
  const history = new History(instance.log);
  for (const call of [
    history.head('nothing'),
    history.stateAt('nothing', 0),
    history.list('nothing', {}, 10),
    history.verify('nothing', undefined),
  ])
    await expect(call).rejects.toMatchObject({ kind: 'not_found' });
});

test('a past state has, in place of what nobody understands, what was served instead', async () => {
  await instance.commit('shop', createSegment(segment('a')));
  const { log } = instance;
  const [newest] = await log.readBack('shop', 3, 1);
  const misshapen = { kind: 'segment', state: { key: 'a', included: 'everybody' } } as unknown as ObjectState;
  const operations = [{ op: 'put', object: misshapen }] as const;
  const change = changeAfter('shop', newest, { operations, time: newest?.time ?? '' });
  expect(await log.append(change)).toEqual({ kind: 'appended' });
  await instance.catalog.catchUp('shop');
  expect(contentOf(await new History(log).stateAt('shop', 3))).toEqual(
    contentOf(instance.catalog.state('shop')),
  );
});

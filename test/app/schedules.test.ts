import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import { archiveEnvironment, restoreEnvironment } from '../../src/app/manage/environments.ts';
import { archiveFlag, createFlag, restoreFlag } from '../../src/app/manage/flags.ts';
import { archiveProject, createProject, restoreProject } from '../../src/app/manage/projects.ts';
import { revertTo } from '../../src/app/manage/revert.ts';
import { scheduleChange } from '../../src/app/manage/schedule.ts';
import { settingsOf } from '../../src/app/project-state.ts';
import { Schedules } from '../../src/app/schedules.ts';
import type { FlagSettings } from '../../src/core/model.ts';
import { type Instance, openInstance } from '../support/instance.ts';
import { checkout } from './manage/shop.ts';

const MINUTE_MS = 60_000;

let instance: Instance;
beforeEach(async () => {
  instance = await openInstance();
  const environments = ['production', 'staging'];
  await instance.commit('shop', createProject({ key: 'shop', name: '', description: '', environments }));
  for (const key of ['a', 'b'])
    await instance.commit('shop', createFlag({ ...checkout, key, enabledIn: environments }));
});
afterEach(() => instance[Symbol.asyncDispose]());

const inAMinute = () => new Date(instance.clock.now() + MINUTE_MS).toISOString();
const settings = (flag: string, environment = 'production'): FlagSettings =>
  settingsOf(instance.catalog.state('shop'), environment, flag).state;

/** Plans that the flag is disabled in a minute. */
async function plan(flag: string, environment = 'production') {
  const change = { id: 'off', at: inAMinute(), action: { kind: 'disable' }, by: 'anna' } as const;
  await instance.commit('shop', scheduleChange({ environment, flag }, change));
  return change;
}

test('a change that cannot be made does not stand in the way of another, and is tried again', async () => {
  const { at } = await plan('a');
  await plan('b');
  const key = `schedule:production:a:off:${at}`;
  const taken = { project: 'shop', action: 'x', actor: 'x', reason: '', requestDigest: 'other' };
  for (const [idempotencyKey, id] of [
    [key, 'c'],
    [`${key}:drop`, 'd'],
  ] as const)
    await instance.writer.commit(
      { ...taken, idempotencyKey, validateOnly: false, mayHalt: false },
      createFlag({ ...checkout, key: id, enabledIn: [] }),
    );
  instance.clock.advance(MINUTE_MS);
  await vi.waitFor(() => expect(settings('b')).toMatchObject({ enabled: false, scheduledChanges: [] }));
  const problem = 'a scheduled change could not be made';
  await vi.waitFor(() => expect(instance.reports.filter((each) => each === problem)).toHaveLength(1));
  await vi.waitFor(() => {
    instance.clock.advance(1_000);
    expect(instance.reports.filter((each) => each === problem)).toHaveLength(2);
  });
  expect(settings('a').enabled).toBe(true);
});

describe.each([
  ['environment', archiveEnvironment('production'), restoreEnvironment('production')],
  ['flag', archiveFlag('a'), restoreFlag('a')],
  ['project', archiveProject(), restoreProject()],
])('in an archived %s', (_, archive, restore) => {
  test('nothing happens, and what was missed is dropped when it is restored', async () => {
    await plan('a');
    await instance.commit('shop', archive);
    const { revision } = instance.catalog.state('shop');
    instance.clock.advance(MINUTE_MS);
    await settled();
    expect(instance.catalog.state('shop').revision).toBe(revision);
    const { warnings } = await instance.commit('shop', restore);
    expect(warnings).toEqual(['scheduled changes of a in production are past and were dropped']);
    expect(settings('a')).toMatchObject({ enabled: true, scheduledChanges: [] });
  });

  test('what is restored in time still happens', async () => {
    await plan('a');
    await instance.commit('shop', archive);
    expect((await instance.commit('shop', restore)).warnings).toEqual([]);
    instance.clock.advance(MINUTE_MS);
    await vi.waitFor(() => expect(settings('a').enabled).toBe(false));
  });
});

test('what was missed in the archive does not happen either when a revert brings the flag back', async () => {
  await plan('a');
  const earlier = instance.catalog.state('shop');
  await instance.commit('shop', archiveFlag('a'));
  instance.clock.advance(MINUTE_MS);
  const { warnings } = await instance.commit('shop', revertTo(earlier, undefined));
  expect(warnings).toEqual(['scheduled changes of a in production are past and were dropped']);
  expect(settings('a')).toMatchObject({ enabled: true, scheduledChanges: [] });
});

describe('a machine whose clock is an hour ahead', () => {
  const rang = 'the clock of this machine is ahead of the log';

  /** Schedules of such a machine, which are told the time that all share or not. */
  function ahead(knowsBetter: boolean): Schedules {
    const { catalog, writer, clock, reports } = instance;
    return new Schedules({
      ...{ catalog, writer, clock: { ...clock, now: () => clock.now() + 60 * MINUTE_MS } },
      report: (problem) => void reports.push(problem),
      ...(knowsBetter && { sharedNow: async () => clock.now() }),
    });
  }

  test('makes changes early where nobody can tell it the time', async () => {
    await plan('a');
    using _schedules = ahead(false);
    instance.clock.advance(1);
    await vi.waitFor(() => expect(settings('a').enabled).toBe(false));
  });

  test('makes none early where replicas share a clock, says so, and tries again in time', async () => {
    await plan('a');
    using _schedules = ahead(true);
    instance.clock.advance(1);
    await vi.waitFor(() => expect(instance.reports).toEqual([rang]));
    await settled();
    expect(settings('a').enabled).toBe(true);
    const commit = vi.spyOn(instance.writer, 'commit');
    const tries = () => commit.mock.calls.filter(([{ actor }]) => actor === 'schedule').length;
    for (let seconds = 0; seconds < 60; seconds += 5) {
      expect([settings('a').enabled, tries()]).toEqual([true, 0]);
      instance.clock.advance(5_000);
      await settled();
    }
    // It, and the machine whose clock is right.
    await vi.waitFor(() => expect([settings('a').enabled, tries()]).toEqual([false, 2]));
    expect(new Set(instance.reports)).toEqual(new Set([rang]));
  });
});

/** Writes of a project are serial: whatever was begun before has come to its end. */
async function settled(): Promise<void> {
  await instance.commit('shop', () => ({ operations: [] }));
}

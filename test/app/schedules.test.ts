import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { createFlag } from '../../src/app/manage/flags.ts';
import { createProject } from '../../src/app/manage/projects.ts';
import { scheduleChange } from '../../src/app/manage/schedule.ts';
import { settingsOf } from '../../src/app/project-state.ts';
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

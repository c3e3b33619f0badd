import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { archiveEnvironment } from '../../../src/app/manage/environments.ts';
import { archiveFlag } from '../../../src/app/manage/flags.ts';
import { archiveProject, deleteProject } from '../../../src/app/manage/projects.ts';
import { createRule, deleteRule, setRollout } from '../../../src/app/manage/rules.ts';
import { haltFlag } from '../../../src/app/manage/settings.ts';
import { FlagError } from '../../../src/core/errors.ts';
import { AT, GUARD, type GuardedShop, guarded, openGuardedShop } from './guarded-shop.ts';

let shop: GuardedShop;
beforeEach(async () => {
  shop = await openGuardedShop();
});
afterEach(() => shop[Symbol.asyncDispose]());

describe('a guarded rollout', () => {
  test('is left alone while nobody can see how people fare, and watched again afterwards', async () => {
    shop.open();
    await shop.instance.commit('shop', createRule(AT, guarded(5_000)));
    shop.tables.isAway = true;
    await shop.until(() => expect(shop.instance.reports).toContain('a guard cannot see or act'));
    shop.instance.clock.advance(600_000);
    expect(shop.ruleNow()?.rollout?.weight).toBe(5_000);
    shop.tables.isAway = false;
    await shop.until(() => expect(shop.ruleNow()?.rollout?.weight).toBe(20_000));
  });

  test('is said to be unwatched each time that the tables go, and not only half a minute later', async () => {
    shop.open();
    await shop.instance.commit('shop', createRule(AT, guarded(5_000)));
    shop.tables.isAway = true;
    await shop.until(() => expect(shop.instance.reports).toHaveLength(1));
    const saidAt = shop.instance.clock.monotonic();
    shop.tables.isAway = false;
    await shop.looks(1);
    shop.tables.isAway = true;
    await shop.until(() => expect(shop.instance.reports).toHaveLength(2), 1_000);
    expect(shop.instance.clock.monotonic() - saidAt).toBeLessThan(20_000);
  });

  test('does not go forward on what is missing: the latest is still on its way', async () => {
    shop.open();
    await shop.instance.commit('shop', createRule(AT, guarded(5_000)));
    shop.tables.lastAt = shop.instance.clock.now() + 45_000;
    await shop.looks(40);
    expect(shop.ruleNow()?.rollout?.weight).toBe(5_000);
    shop.tables.lastAt = Number.POSITIVE_INFINITY;
    await shop.until(() => expect(shop.ruleNow()?.rollout?.weight).toBe(20_000));
  });

  test('does not go forward on what is missing: nobody was served when the window began', async () => {
    shop.open();
    await shop.instance.commit('shop', createRule(AT, guarded(5_000)));
    shop.tables.firstAt = shop.instance.clock.now() + 90_000;
    await shop.until(() => expect(shop.ruleNow()?.rollout?.weight).toBe(20_000));
    expect(shop.instance.clock.now()).toBeGreaterThan(shop.tables.firstAt + 50_000);
  });

  test('does not go forward early because the clock of a machine is ahead', async () => {
    shop.tables.aheadMs = 300_000;
    shop.open();
    await shop.instance.commit('shop', createRule(AT, guarded(5_000)));
    const startedAt = shop.instance.clock.now();
    await shop.until(() => expect(shop.ruleNow()?.rollout?.weight).toBe(20_000));
    expect(shop.instance.clock.now()).toBeGreaterThanOrEqual(startedAt + 360_000);
  });

  test.each([
    ['somebody changed the rule', () => setRollout(AT, { ruleId: 'rollout', weight: 6_000, variation: '' })],
    ['somebody halted the flag', () => haltFlag(AT, { by: 'anna', reason: 'fire' })],
    ['somebody deleted the rule', () => deleteRule(AT, 'rollout')],
    ['somebody archived the flag', () => archiveFlag('checkout')],
    ['somebody archived the environment', () => archiveEnvironment('production')],
    ['somebody archived the project', () => archiveProject()],
  ])('is left alone, and nobody is troubled, if meanwhile %s', async (_, plan) => {
    shop.open();
    await shop.instance.commit('shop', createRule(AT, guarded(20_000)));
    const held = Promise.withResolvers<void>();
    Object.assign(shop.tables, { hits: 40, gate: held.promise });
    await shop.until(() => expect(shop.tables.asked).toHaveLength(1));
    await shop.instance.commit('shop', plan());
    const { revision } = shop.instance.catalog.state('shop');
    held.resolve();
    await shop.settled();
    expect([shop.instance.catalog.state('shop').revision, shop.instance.reports]).toEqual([revision, []]);
  });

  test('is left alone, and nobody is troubled, if meanwhile somebody deleted the project', async () => {
    shop.open();
    await shop.instance.commit('shop', createRule(AT, guarded(20_000)));
    const held = Promise.withResolvers<void>();
    Object.assign(shop.tables, { hits: 40, gate: held.promise });
    await shop.until(() => expect(shop.tables.asked).toHaveLength(1));
    await shop.instance.commit('shop', archiveProject());
    await shop.instance.commit('shop', deleteProject());
    held.resolve();
    await shop.settled();
    expect(await shop.newestChange()).toMatchObject({ actor: 'test' });
    expect(shop.instance.reports).toEqual([]);
  });

  test.each([
    ['sees nothing', true],
    ['sees what to do', false],
  ])('is left alone, and nobody is troubled, by a replica that has stopped when it %s', async (_, fails) => {
    shop.open();
    await shop.instance.commit('shop', createRule(AT, guarded(20_000)));
    const held = Promise.withResolvers<void>();
    Object.assign(shop.tables, { hits: 40, gate: held.promise });
    await shop.until(() => expect(shop.tables.asked).toHaveLength(1));
    shop.guards[0]?.[Symbol.dispose]();
    const { revision } = shop.instance.catalog.state('shop');
    if (fails) held.reject(new FlagError('unavailable', 'the tables are closed'));
    else held.resolve();
    await shop.settled();
    expect([shop.instance.catalog.state('shop').revision, shop.instance.reports]).toEqual([revision, []]);
  });

  test('asks one thing in a look, unless there is something to do or to compare with', async () => {
    shop.open();
    await shop.instance.commit('shop', createRule(AT, guarded(5_000)));
    await shop.looks(3);
    expect(shop.tables.asked.map(({ ruleId }) => ruleId)).not.toContain(undefined);
    shop.tables.hits = 40;
    await shop.until(() => expect(shop.ruleNow()?.rollout?.weight).toBe(0));
    expect(shop.tables.asked.map(({ ruleId }) => ruleId)).toContain(undefined);
    expect(await shop.newestChange()).toMatchObject({
      reason: expect.stringContaining('5 of 1000 by default'),
    });
  });

  test('is looked at as often as its own window asks for, whatever others there are', async () => {
    shop.open();
    const day = { ...GUARD, windowSeconds: 86_400 };
    await shop.instance.commit('shop', createRule(AT, guarded(5_000, day)));
    await shop.instance.commit(
      'shop',
      createRule(AT, { ...guarded(5_000, { ...GUARD, windowSeconds: 10 }), id: 'fast' }),
    );
    for (let seconds = 0; seconds < 30; seconds++) {
      shop.instance.clock.advance(1_000);
      await shop.settled();
    }
    expect(shop.tables.asked.filter(({ ruleId }) => ruleId === 'rollout')).toHaveLength(2);
  });
});

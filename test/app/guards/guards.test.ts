import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import { createRule, setRollout } from '../../../src/app/manage/rules.ts';
import { disableFlag, enableFlag } from '../../../src/app/manage/settings.ts';
import type { WatchEvent } from '../../../src/app/watch-events.ts';
import { type DefinitionsWatcher, watchDefinitions } from '../../support/definitions-watcher.ts';
import { createServerKey } from '../../support/shop.ts';
import { AT, GUARD, type GuardedShop, guarded, openGuardedShop } from './guarded-shop.ts';

let shop: GuardedShop;
beforeEach(async () => {
  shop = await openGuardedShop();
});
afterEach(() => shop[Symbol.asyncDispose]());

/** Keeps what a watcher is told, until it leaves. */
async function readOn(watcher: DefinitionsWatcher, told: WatchEvent[]): Promise<void> {
  try {
    for (;;) told.push(await watcher.next());
  } catch (error) {
    expect(error).toMatchObject({ kind: 'cancelled' });
  }
}

describe('a guarded rollout', () => {
  test('goes forward stage by stage while people fare well, each step by guard and with its numbers', async () => {
    shop.open();
    await shop.instance.commit('shop', createRule(AT, guarded(5_000)));
    const startedAt = shop.instance.clock.now();
    await shop.until(() => expect(shop.ruleNow()?.rollout?.weight).toBe(20_000));
    expect(shop.instance.clock.now() - startedAt).toBeGreaterThanOrEqual(60_000);
    expect(await shop.newestChange()).toMatchObject({
      actor: 'guard',
      action: 'flag.guard.forward',
      reason: expect.stringContaining('0 of 200 people with on (0 %)'),
    });
    await shop.until(() => expect(shop.ruleNow()?.rollout?.weight).toBe(100_000));
    expect(shop.ruleNow()?.guardState).toMatchObject({
      status: 'watching',
      note: expect.stringContaining('to 100 %'),
    });
  });

  test('is told to who watches the definitions, each step as one change from one revision to the next', async () => {
    shop.open();
    await shop.instance.commit('shop', createServerKey);
    await shop.instance.commit('shop', createRule(AT, guarded(5_000)));
    const watcher = watchDefinitions(shop.instance);
    await watcher.started();
    const { revision } = shop.instance.catalog.state('shop');
    const told: WatchEvent[] = [];
    const reading = readOn(watcher, told);
    await shop.until(() => expect(shop.ruleNow()?.rollout?.weight).toBe(100_000));
    await vi.waitFor(() => expect(told.filter(({ kind }) => kind === 'delta')).toHaveLength(2));
    expect(told.filter(({ kind }) => kind === 'delta')).toMatchObject([
      { from: revision, to: revision + 1, cause: 'change' },
      { from: revision + 1, to: revision + 2, cause: 'change' },
    ]);
    watcher.leave();
    await reading;
  });

  test('is stepped back within a window once people fare badly, and then rests', async () => {
    shop.open();
    await shop.instance.commit('shop', createRule(AT, guarded(20_000)));
    const startedAt = shop.instance.clock.now();
    Object.assign(shop.tables, { hits: 40, brokenFrom: 20_000 });
    await shop.until(() => expect(shop.ruleNow()?.rollout?.weight).toBe(5_000));
    expect(shop.instance.clock.now() - startedAt).toBeLessThan(60_000);
    expect(shop.ruleNow()?.guardState).toMatchObject({ status: 'resting' });
    expect(await shop.newestChange()).toMatchObject({
      actor: 'guard',
      action: 'flag.guard.back',
      reason: expect.stringContaining('40 of 200 people with on (20 %)'),
    });
    await shop.looks(50);
    expect(shop.ruleNow()?.rollout?.weight).toBe(5_000);
  });

  test('is stepped back once more if that did not help, but not once nobody is in', async () => {
    shop.open();
    await shop.instance.commit('shop', createRule(AT, guarded(20_000)));
    shop.tables.hits = 40;
    await shop.until(() => expect(shop.ruleNow()?.rollout?.weight).toBe(0));
    expect(await shop.newestChange()).toMatchObject({ reason: expect.stringContaining('from 5 % to 0 %') });
    const before = shop.tables.asked.length;
    shop.instance.clock.advance(600_000);
    await shop.settled();
    expect(shop.tables.asked).toHaveLength(before);
  });

  test('does not go forward again after a step back because the flag was off for a night', async () => {
    shop.open();
    await shop.instance.commit('shop', createRule(AT, guarded(20_000)));
    Object.assign(shop.tables, { hits: 40, brokenFrom: 20_000 });
    await shop.until(() => expect(shop.ruleNow()?.rollout?.weight).toBe(5_000));
    await shop.instance.commit('shop', disableFlag(AT));
    shop.instance.clock.advance(60_000);
    await shop.instance.commit('shop', enableFlag(AT));
    await shop.looks(50);
    expect(shop.ruleNow()).toMatchObject({ rollout: { weight: 5_000 }, guardState: { status: 'resting' } });
  });

  test('is stepped back for good, whatever ramp was to come', async () => {
    shop.open();
    const startsAt = new Date(shop.instance.clock.now() + 3_600_000).toISOString();
    const ramp = { kind: 'steps', steps: [{ startsAt, weight: 100_000 }] } as const;
    await shop.instance.commit(
      'shop',
      createRule(AT, { ...guarded(20_000, { ...GUARD, stages: [] }), ramp }),
    );
    shop.tables.hits = 40;
    await shop.until(() => expect(shop.ruleNow()?.rollout?.weight).toBe(0));
    expect(shop.ruleNow()).not.toHaveProperty('ramp');
  });

  test('halts the flag if that is what the guard is for, and says why', async () => {
    shop.open();
    await shop.instance.commit('shop', createRule(AT, guarded(20_000, { ...GUARD, onRegression: 'halt' })));
    shop.tables.hits = 40;
    await shop.until(() => expect(shop.settings().halt).toBeDefined());
    expect(shop.settings().halt).toMatchObject({ by: 'guard', reason: expect.stringContaining('40 of 200') });
    expect(shop.ruleNow()?.rollout?.weight).toBe(20_000);
  });

  test('moves once however many replicas watch over it', async () => {
    for (let replica = 0; replica < 4; replica++) shop.open();
    await shop.instance.commit('shop', createRule(AT, guarded(20_000)));
    const { revision } = shop.instance.catalog.state('shop');
    shop.tables.hits = 40;
    await shop.until(() => expect(shop.ruleNow()?.guardState?.status).toBe('resting'));
    await shop.until(() => expect(shop.instance.catalog.state('shop').revision).toBe(revision + 1));
    expect(shop.ruleNow()?.rollout?.weight).toBe(5_000);
  });

  test('does not count what was before it became what it is', async () => {
    shop.open();
    await shop.instance.commit('shop', createRule(AT, guarded(5_000)));
    await shop.until(() => expect(shop.tables.asked.length).toBeGreaterThan(2));
    await shop.instance.commit('shop', setRollout(AT, { ruleId: 'rollout', weight: 6_000, variation: '' }));
    const since = Date.parse(shop.ruleNow()?.guardState?.since ?? '');
    shop.tables.asked = [];
    await shop.until(() => expect(shop.tables.asked.length).toBeGreaterThan(1));
    expect(Math.min(...shop.tables.asked.map(({ from }) => from))).toBeGreaterThanOrEqual(since);
  });

  test('is not watched while the flag is off, and begins anew with it', async () => {
    shop.open();
    await shop.instance.commit('shop', createRule(AT, guarded(5_000)));
    await shop.instance.commit('shop', disableFlag(AT));
    shop.instance.clock.advance(60_000);
    await shop.instance.commit('shop', enableFlag(AT));
    expect(Date.parse(shop.ruleNow()?.guardState?.since ?? '')).toBe(shop.instance.clock.now());
  });
});

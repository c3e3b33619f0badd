import { cp } from 'node:fs/promises';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { openSqliteChangeLog } from '../../src/adapters/sqlite/sqlite-change-log.ts';
import { type Adoption, adoptHistory } from '../../src/app/adopt-history.ts';
import { createFlag } from '../../src/app/manage/flags.ts';
import type { ChangeLog } from '../../src/ports/change-log.ts';
import { temporaryDirectory } from '../contract/sqlite-stores.ts';
import { tokenOf, watchDefinitions } from '../support/definitions-watcher.ts';
import { openInstance } from '../support/instance.ts';
import { answer, openReplicas, type Replica, type Replicas, revisionOf } from '../support/replicas.ts';
import { createServerKey, fillShop, halt, onFlag } from '../support/shop.ts';

let replicas: Replicas;
let one: Replica;
let other: Replica;
let backup: Awaited<ReturnType<typeof temporaryDirectory>>;
let restored: ChangeLog;
const leaving: (() => void)[] = [];

/** Two replicas that have seen revision 5 in the log, which is a backup of revision 3 by now, in which somebody has written since. */
beforeEach(async () => {
  replicas = await openReplicas();
  [one, other] = [await replicas.open(), await replicas.open()];
  await fillShop(one, 'checkout');
  await one.instance.commit('shop', createServerKey);
  backup = await temporaryDirectory();
  await cp(replicas.logDirectory, backup.path, { recursive: true });
  restored = await openSqliteChangeLog(backup.path);
  await one.instance.commit('shop', halt('checkout'));
  await one.instance.commit('shop', createFlag(onFlag('lost')));
  await other.instance.catalog.refresh();
  expect(revisionOf(other)).toBe(5);
});

afterEach(async () => {
  for (const leave of leaving.splice(0)) leave();
  await replicas[Symbol.asyncDispose]();
  await restored[Symbol.asyncDispose]();
  await backup[Symbol.asyncDispose]();
});

/** The log becomes the restored one for these. */
async function rewriteFor(...those: readonly Replica[]): Promise<void> {
  for (const { link } of those) link.become(restored);
  for (const { instance } of those) await instance.catalog.refresh();
}

async function adopt({ instance, link }: Replica, more: Partial<Adoption> = {}) {
  const head = await restored.head('shop');
  const { catalog, bus, clock } = instance;
  const asked = {
    project: 'shop',
    headHash: head?.hash ?? '',
    actor: 'key:ops',
    reason: 'restored',
    ...more,
  };
  return await adoptHistory({ log: link.log, bus, catalog, clock }, asked);
}

/** A log that is not closed with whoever uses it. */
function kept(log: ChangeLog): ChangeLog {
  return { ...log, [Symbol.asyncDispose]: async () => undefined };
}

/** Somebody who leaves when the test is over. */
function follow({ instance }: Pick<Replica, 'instance'>, resumeToken?: string) {
  const watcher = watchDefinitions(instance, resumeToken);
  leaving.push(watcher.leave);
  return watcher;
}

describe('a project whose log was rewritten', () => {
  it('is served as it was, is not written, and shows it', async () => {
    await rewriteFor(one, other);
    expect(one.instance.catalog.troubles()).toEqual([{ project: 'shop', trouble: 'forked' }]);
    expect(answer(one, 'checkout')).toMatchObject({ reason: 'HALTED' });
    await expect(one.instance.commit('shop', createFlag(onFlag('late')))).rejects.toMatchObject({
      kind: 'failed_precondition',
      details: { reason: 'LOG_FORKED' },
    });
    replicas.clock.advance(60_000);
    await one.instance.catalog.refresh();
    expect(one.instance.catalog.stalenessMs('shop')).toBeGreaterThanOrEqual(60_000);
    expect(one.instance.catalog.stalestMs()).toBeLessThan(60_000);
    expect(one.instance.reports).toEqual(['the log was rewritten']);
  });

  it('goes on by itself when the log is again what it was', async () => {
    await rewriteFor(other);
    other.link.become(one.instance.log);
    await one.instance.commit('shop', createFlag(onFlag('late')));
    await other.instance.catalog.refresh();
    expect(other.instance.catalog.troubles()).toEqual([]);
    expect(revisionOf(other)).toBe(6);
    expect(other.instance.reports).toEqual(['the log was rewritten', 'the log is again as it was']);
  });

  it('stays so over a restart', async () => {
    await rewriteFor(one, other);
    await other.stop();
    await other.start({ log: 'off' });
    other.link.become(restored);
    other.link.on();
    await other.instance.catalog.refresh();
    expect(other.instance.catalog.troubles()).toEqual([{ project: 'shop', trouble: 'forked' }]);
    expect(answer(other, 'checkout')).toMatchObject({ reason: 'HALTED' });
  });

  it('sends no watcher of the rewritten log back to what was', async () => {
    await rewriteFor(one);
    await using fresh = await openInstance({ log: kept(restored), clock: replicas.clock });
    const tokens: string[] = [];
    for (const flag of ['d', 'e', 'f']) {
      await fresh.commit('shop', createFlag(onFlag(flag)));
      tokens.push(tokenOf(await follow({ instance: fresh }).started()));
    }
    for (const token of tokens) {
      const goodbye = follow(one, token).next();
      const passing = setInterval(() => replicas.clock.advance(500), 1);
      expect(await goodbye).toMatchObject({ kind: 'goodbye', reason: 'behind', token: expect.anything() });
      clearInterval(passing);
    }
  });

  it('goes on being told to its own watchers', async () => {
    const token = tokenOf(await follow(one).started());
    await rewriteFor(one);
    expect(await follow(one, token).next()).toMatchObject({ kind: 'hello', intent: 'nothing' });
  });
});

describe('an operator who takes the rewritten log for the truth', () => {
  it('makes every replica read it anew, from the first change on', async () => {
    await rewriteFor(one, other);
    const { revision, abandons } = await adopt(one);
    expect([revision, abandons]).toEqual([4, 5]);
    for (const replica of [one, other]) {
      await vi.waitFor(() => expect(revisionOf(replica)).toBe(4));
      expect(replica.instance.catalog.troubles()).toEqual([]);
      expect(answer(replica, 'checkout')).toMatchObject({ reason: 'DEFAULT' });
      expect(answer(replica, 'lost')).toMatchObject({ errorCode: 'FLAG_NOT_FOUND' });
    }
    await other.instance.commit('shop', createFlag(onFlag('late')));
    await vi.waitFor(() => expect(revisionOf(one)).toBe(5));
  });

  it('reaches replicas that were down or cut off meanwhile, and asks nothing of new ones', async () => {
    await rewriteFor(one);
    await other.stop();
    await adopt(one);
    await one.instance.commit('shop', createFlag(onFlag('late')));
    await other.start({ log: 'off' });
    other.link.become(restored);
    other.link.on();
    await other.instance.catalog.refresh();
    expect([revisionOf(other), other.instance.catalog.troubles()]).toEqual([5, []]);
    expect(answer(other, 'late')).toMatchObject({ value: true });
    await other.stop();
    await other.start({ log: 'off' });
    expect(answer(other, 'late')).toMatchObject({ value: true });
  });

  it('has to have seen the newest change, and may ask again', async () => {
    await rewriteFor(one, other);
    await expect(adopt(one, { headHash: 'f'.repeat(64) })).rejects.toMatchObject({
      kind: 'conflict',
      details: { reason: 'HEAD_MOVED', metadata: { revision: '3' } },
    });
    const seen = { headHash: (await restored.head('shop'))?.hash ?? '' };
    const first = await adopt(one, seen);
    expect(await adopt(other, seen)).toMatchObject({ revision: first.revision, replayed: true });
    expect((await restored.head('shop'))?.revision).toBe(4);
  });

  it('cannot do so with nothing', async () => {
    await expect(adopt(one, { project: 'nowhere' })).rejects.toMatchObject({
      kind: 'failed_precondition',
      details: { reason: 'NOTHING_TO_ADOPT' },
    });
  });

  it('can do so again after another backup', async () => {
    await rewriteFor(one, other);
    await using later = await temporaryDirectory();
    await cp(backup.path, later.path, { recursive: true });
    await adopt(one);
    await vi.waitFor(() => expect(revisionOf(other)).toBe(4));
    await using again = await openSqliteChangeLog(later.path);
    for (const { link } of [one, other]) link.become(again);
    for (const { instance } of [one, other]) await instance.catalog.refresh();
    expect(one.instance.catalog.troubles()).toEqual([{ project: 'shop', trouble: 'forked' }]);
    await adopt(one, { headHash: (await again.head('shop'))?.hash ?? '', reason: 'once more' });
    await vi.waitFor(() => expect(other.instance.catalog.troubles()).toEqual([]));
    for (const { link } of [one, other]) link.become(restored);
  });

  it('has watchers told everything anew, those that stay and those that come back', async () => {
    const staying = follow(one);
    const token = tokenOf(await staying.started());
    await rewriteFor(one, other);
    const next = staying.next();
    await adopt(one);
    expect(await next).toMatchObject({ kind: 'hello', intent: 'full', reason: 'history_rewritten' });
    expect((await staying.started()).at(-1)).toMatchObject({ kind: 'end', revision: 4, count: 1 });
    await vi.waitFor(() => expect(revisionOf(other)).toBe(4));
    const back = await follow(other, token).started();
    expect(back[0]).toMatchObject({ kind: 'hello', intent: 'full', reason: 'history_rewritten' });
    expect(back.at(-1)).toMatchObject({ kind: 'end', revision: 4 });
    await using fresh = await openInstance({ log: kept(restored), clock: replicas.clock });
    expect(await follow({ instance: fresh }, token).next()).toMatchObject({ reason: 'history_rewritten' });
  });
});

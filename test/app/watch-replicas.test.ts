import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { tokenOf, watchDefinitions } from '../support/definitions-watcher.ts';
import { openReplicas, type Replica, type Replicas, revisionOf } from '../support/replicas.ts';
import { createServerKey, fillShop, halt } from '../support/shop.ts';

let replicas: Replicas;
let one: Replica;
let other: Replica;
const leaving: (() => void)[] = [];

beforeEach(async () => {
  replicas = await openReplicas();
  [one, other] = [await replicas.open(), await replicas.open()];
  await fillShop(one, 'checkout', 'search');
  await one.instance.commit('shop', createServerKey);
  await vi.waitFor(() => expect(revisionOf(other)).toBe(4));
});
afterEach(async () => {
  for (const leave of leaving.splice(0)) leave();
  await replicas[Symbol.asyncDispose]();
});

/** Somebody who leaves when the test is over, if not before. */
function follow({ instance }: Replica, resumeToken?: string) {
  const watcher = watchDefinitions(instance, resumeToken);
  leaving.push(watcher.leave);
  return watcher;
}

/** Lets time pass until this has happened. */
async function meanwhile<T>(happening: Promise<T>): Promise<T> {
  const passing = setInterval(() => replicas.clock.advance(500), 1);
  try {
    return await happening;
  } finally {
    clearInterval(passing);
  }
}

describe('a watch that began on one replica', () => {
  it('goes on at another, and when all were restarted, from what they had saved', async () => {
    const token = tokenOf(await follow(one).started());
    await one.instance.commit('shop', halt('checkout'));
    await vi.waitFor(() => expect(revisionOf(other)).toBe(5));
    const delta = { kind: 'delta', from: 4, to: 5, content: { flags: [{ key: 'checkout' }] } };
    expect((await follow(other, token).started()).at(-1)).toMatchObject(delta);
    for (const replica of [one, other]) {
      await replica.stop();
      await replica.start();
      expect(await follow(replica, token).started()).toMatchObject([{ reason: 'resumed' }, delta]);
    }
  });

  it('waits for a replica that is behind, and is never sent back', async () => {
    other.link.off();
    using _cut = replicas.cutBus();
    await one.instance.commit('shop', halt('checkout'));
    const token = tokenOf(await follow(one).started());
    const back = follow(other, token).next();
    other.link.on();
    expect(await meanwhile(back)).toMatchObject({ kind: 'hello', intent: 'nothing', targetRevision: 5 });
    other.link.off();
    await one.instance.commit('shop', halt('search'));
    const ahead = tokenOf(await follow(one, token).started());
    expect(await meanwhile(follow(other, ahead).next())).toMatchObject({
      ...{ kind: 'goodbye', reason: 'behind', token: ahead },
    });
  });

  it('goes on at a replica that started from its disk, while nobody can reach the log', async () => {
    const first = tokenOf(await follow(one).started());
    await one.instance.commit('shop', halt('checkout'));
    const newest = tokenOf(await follow(one).started());
    await vi.waitFor(() => expect(revisionOf(other)).toBe(5));
    await other.stop();
    await other.start({ log: 'off' });
    expect(await follow(other, newest).next()).toMatchObject({ intent: 'nothing', reason: 'resumed' });
    // What happened in between only the log could tell.
    expect(await follow(other, first).started()).toMatchObject([
      { intent: 'full', reason: 'unknown_past', targetRevision: 5 },
      { kind: 'part' },
      { kind: 'end', revision: 5 },
    ]);
    expect(await meanwhile(follow(other).started())).toHaveLength(3);
  });

  it('waits for what a replica that started from its disk does not have', async () => {
    await other.stop();
    await one.instance.commit('shop', halt('checkout'));
    const token = tokenOf(await follow(one).started());
    await other.start({ log: 'off' });
    expect(revisionOf(other)).toBe(4);
    const back = follow(other, token).next();
    const passing = setInterval(() => replicas.clock.advance(100), 1);
    other.link.on();
    expect(await back).toMatchObject({ intent: 'nothing', targetRevision: 5 });
    clearInterval(passing);
  });

  it('gets everything on the stream that it has when nobody can say what it missed', async () => {
    const watcher = follow(other);
    await watcher.started();
    vi.spyOn(other.instance.catalog, 'touched').mockReturnValueOnce(Promise.resolve(undefined));
    const waiting = watcher.next();
    await one.instance.commit('shop', halt('checkout'));
    expect(await waiting).toMatchObject({ kind: 'hello', intent: 'full', reason: 'unknown_past' });
    expect((await watcher.started()).at(-1)).toMatchObject({ kind: 'end', revision: 5 });
  });
});

describe('watches that begin together', () => {
  it('get everything a few at a time, and those that resume do not wait', async () => {
    const token = tokenOf(await follow(one).started());
    const watchers = Array.from({ length: 70 }, () => follow(one));
    const hellos = watchers.map((watcher) => watcher.next());
    let begun = 0;
    for (const hello of hellos) hello.then(() => begun++).catch(() => undefined);
    await vi.waitFor(() => expect(begun).toBe(64));
    expect(await follow(one, token).next()).toMatchObject({ kind: 'hello', intent: 'nothing' });
    expect(begun).toBe(64);
    const [first] = watchers;
    while ((await first?.next())?.kind !== 'end');
    void first?.next();
    await vi.waitFor(() => expect(begun).toBe(65));
    watchers[1]?.leave();
    replicas.clock.advance(2_000);
    await vi.waitFor(() => expect(begun).toBe(70));
  });

  it('are not sent away to come back together', async () => {
    const { hub } = one.instance;
    const spread = (count: number) => Math.max(...Array.from({ length: count }, () => hub.spreadMs()));
    expect(spread(200)).toBeLessThan(600);
    const watchers = Array.from({ length: 3_000 }, () => hub.join('shop', { wake() {}, end() {} }));
    expect(spread(200)).toBeGreaterThan(2_000);
    expect(spread(200)).toBeLessThanOrEqual(3_500);
    for (const watcher of watchers) watcher[Symbol.dispose]();
  });

  it('do not grow old together', async () => {
    const { hub } = one.instance;
    expect(hub.ageOf(0)).toBe(Number.POSITIVE_INFINITY);
    const ages = Array.from({ length: 200 }, () => hub.ageOf(1_000));
    expect([Math.min(...ages) >= 800, Math.max(...ages) <= 1_200]).toEqual([true, true]);
    expect(Math.max(...ages) - Math.min(...ages)).toBeGreaterThan(200);
  });
});

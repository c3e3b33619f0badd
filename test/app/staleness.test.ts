import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { snapshotSince } from '../../src/app/environment-access.ts';
import { createFlag } from '../../src/app/manage/flags.ts';
import { openReplicas, type Replica, type Replicas, revisionOf } from '../support/replicas.ts';
import { fillShop, onFlag, PLACE } from '../support/shop.ts';

let replicas: Replicas;
let one: Replica;
let other: Replica;
beforeEach(async () => {
  replicas = await openReplicas();
  [one, other] = [await replicas.open(), await replicas.open()];
  await fillShop(one, 'checkout');
  await vi.waitFor(() => expect(revisionOf(other)).toBe(2));
  await other.instance.catalog.refresh();
});
afterEach(() => replicas[Symbol.asyncDispose]());

const staleness = ({ instance }: Replica) => instance.catalog.stalenessMs('shop');

/** Cuts the replica off and lets so much time pass. */
function cutOff({ link }: Replica, ms: number): void {
  link.off();
  replicas.clock.advance(ms);
}

describe('how old a project may be at most', () => {
  it('is the time since the last comparison with the log began, however long that took', async () => {
    const { asked } = other.link;
    const before = asked.heads ?? 0;
    other.link.hang();
    const looking = other.instance.catalog.refresh();
    await vi.waitFor(() => expect(asked.heads).toBe(before + 1));
    replicas.clock.advance(700);
    other.link.on();
    await looking;
    expect(staleness(other)).toBe(700);
  });

  it('does not become less by what others say', async () => {
    cutOff(other, 10_000);
    await one.instance.commit('shop', createFlag(onFlag('late')));
    await vi.waitFor(() => expect(revisionOf(other)).toBe(3));
    expect(staleness(other)).toBe(10_000);
    expect(other.instance.catalog.stalestMs()).toBeGreaterThanOrEqual(10_000);
  });

  it('does not become less by a look that failed, or that got only so far', async () => {
    cutOff(other, 10_000);
    expect(await other.instance.catalog.refresh()).toBe(false);
    expect(staleness(other)).toBe(10_000);
    using _cut = replicas.cutBus();
    await one.instance.commit('shop', createFlag(onFlag('late')));
    // The heads can be had, and nothing behind them.
    other.link.on();
    const read = vi.spyOn(other.link.log, 'read').mockRejectedValue(new Error('too late'));
    await other.instance.catalog.refresh();
    expect([revisionOf(other), staleness(other)]).toEqual([2, 10_000]);
    expect(other.instance.catalog.silenceMs()).toBe(0);
    read.mockRestore();
    await other.instance.catalog.refresh();
    expect([revisionOf(other), staleness(other)]).toEqual([3, 0]);
  });

  it('is at least as long as a pause of the whole process, until the log was asked again', async () => {
    // Time goes by and nothing runs: not even what is due.
    other.link.hang();
    replicas.clock.advance(60_000);
    expect(staleness(other)).toBeGreaterThanOrEqual(60_000 - 2_000);
    other.link.on();
    await other.instance.catalog.refresh();
    expect(staleness(other)).toBe(0);
  });

  it('counts from before a change that was made here, not from after', async () => {
    one.link.hang();
    const committing = one.instance.commit('shop', createFlag(onFlag('late')));
    replicas.clock.advance(300);
    one.link.on();
    await committing;
    expect(staleness(one)).toBeLessThanOrEqual(300);
    expect(revisionOf(one)).toBe(3);
  });
});

describe('a revision that somebody insists on', () => {
  it('is waited for no longer than five seconds, whatever the log does', async () => {
    other.link.hang();
    const asked = snapshotSince(other.instance.catalog, PLACE, 3);
    const refused = expect(asked).rejects.toMatchObject({
      kind: 'unavailable',
      details: { reason: 'REVISION_NOT_REACHED', retryAfterMs: 100 },
    });
    replicas.clock.advance(5_000);
    await refused;
    other.link.on();
  });

  it('is not answered with an older one while the log is away', async () => {
    cutOff(other, 1_000);
    await expect(snapshotSince(other.instance.catalog, PLACE, 3)).rejects.toMatchObject({
      kind: 'unavailable',
    });
    expect(await snapshotSince(other.instance.catalog, PLACE, 2)).toMatchObject({ revision: 2 });
  });

  it('is asked for once by all who ask at the same time', async () => {
    const before = other.link.asked.head ?? 0;
    const asking = Array.from({ length: 100 }, async () => snapshotSince(other.instance.catalog, PLACE, 3));
    for (const result of await Promise.allSettled(asking)) expect(result.status).toBe('rejected');
    expect((other.link.asked.head ?? 0) - before).toBeLessThanOrEqual(2);
  });
});

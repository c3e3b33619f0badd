import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { createFlag } from '../../src/app/manage/flags.ts';
import { createProject } from '../../src/app/manage/projects.ts';
import { scheduleChange } from '../../src/app/manage/schedule.ts';
import { Schedules } from '../../src/app/schedules.ts';
import { openSharedClock, type SharedClock } from '../../src/app/shared-clock.ts';
import { type Plan, Writer } from '../../src/app/writer.ts';
import { DEFAULT_LIMITS } from '../../src/core/limits.ts';
import { createFakeClock, type FakeClock } from '../support/fake-clock.ts';
import { type Instance, openInstance } from '../support/instance.ts';
import { checkout } from './manage/shop.ts';

const HOUR_MS = 3_600_000;
const ALLOWED = { validateOnly: false, mayHalt: true };
const environments = ['production'];
const shop = createProject({ key: 'shop', name: '', description: '', environments });
const aFlag = createFlag({ ...checkout, enabledIn: environments });
const START_MS = Date.parse('2030-01-01T00:00:00.000Z');

/** A machine whose clock is wrong, and the right time; `waitMs` is how long an answer takes. */
function wrongBy(byMs: number, answer: (clock: FakeClock) => Promise<number>) {
  const clock = createFakeClock(START_MS + byMs);
  const reports: unknown[] = [];
  const sharedNow = vi.fn(() => answer(clock));
  const shared = openSharedClock({
    ...{ clock, sharedNow },
    report: (problem, details) => void reports.push([problem, details]),
  });
  return { clock, shared, sharedNow, reports, right: () => START_MS + clock.monotonic() };
}

const rightly = async (clock: FakeClock) => START_MS + clock.monotonic();

describe('the clock that replicas share', () => {
  it('is this machine’s where there is no other', () => {
    const clock = createFakeClock();
    using shared = openSharedClock({ clock, report: () => undefined });
    clock.jump(HOUR_MS);
    expect([shared.now(), shared.aheadMs(), clock.pending()]).toEqual([clock.now(), 0, 0]);
  });

  it.each([HOUR_MS, -HOUR_MS])(
    'is right on a machine whose own is wrong by %d ms, and says so',
    async (by) => {
      const { clock, shared, reports, right } = wrongBy(by, rightly);
      expect(shared.now()).toBe(clock.now());
      await vi.waitFor(() => expect(shared.now()).toBe(right()));
      clock.advance(12_345);
      expect([shared.now(), shared.aheadMs()]).toEqual([right(), by]);
      expect(reports).toEqual([['the clock of this machine is not that of the log', { aheadMs: by }]]);
      shared[Symbol.dispose]();
      expect(clock.pending()).toBe(0);
    },
  );

  it('does not jump when the machine’s is set, and is looked up at once', async () => {
    const { clock, shared, sharedNow, right } = wrongBy(0, rightly);
    await vi.waitFor(() => expect(clock.pending()).toBe(1));
    clock.jump(HOUR_MS);
    expect(shared.now()).toBe(right());
    clock.advance(1_000);
    expect(sharedNow).toHaveBeenCalledTimes(2);
    shared[Symbol.dispose]();
  });

  it('is looked up every half minute, and sooner while nobody can tell', async () => {
    let isAway = true;
    const { clock, shared, sharedNow } = wrongBy(HOUR_MS, async (own) => {
      if (isAway) throw new Error('away');
      return rightly(own);
    });
    await vi.waitFor(() => expect(clock.pending()).toBe(1));
    expect(shared.now()).toBe(clock.now());
    isAway = false;
    clock.advance(2_000);
    await vi.waitFor(() => expect(shared.aheadMs()).toBe(HOUR_MS));
    clock.advance(29_000);
    expect(sharedNow).toHaveBeenCalledTimes(2);
    clock.advance(1_000);
    expect(sharedNow).toHaveBeenCalledTimes(3);
    shared[Symbol.dispose]();
  });

  it('is not taken from an answer that came late', async () => {
    const { clock, shared } = wrongBy(HOUR_MS, async (own) => {
      own.advance(2_001);
      return rightly(own);
    });
    await vi.waitFor(() => expect(clock.pending()).toBe(1));
    expect(shared.aheadMs()).toBe(0);
    shared[Symbol.dispose]();
  });
});

describe('replicas of which one has a clock that is an hour ahead, and one an hour behind', () => {
  let instance: Instance;
  let clocks: readonly SharedClock[];
  let writers: readonly [Writer, Writer];
  beforeEach(async () => {
    instance = await openInstance();
    const { log, bus, catalog, clock } = instance;
    const sharedNow = async () => clock.now();
    const open = (by: number) =>
      openSharedClock({
        clock: { ...clock, now: () => clock.now() + by },
        sharedNow,
        report: () => undefined,
      });
    const [ahead, behind] = [open(HOUR_MS), open(-HOUR_MS)];
    clocks = [ahead, behind];
    await vi.waitFor(() => expect(clocks.map((each) => each.now())).toEqual([clock.now(), clock.now()]));
    const writer = (own: SharedClock) =>
      new Writer({ log, bus, catalog, clock: own, limits: DEFAULT_LIMITS });
    writers = [writer(ahead), writer(behind)];
  });
  afterEach(async () => {
    for (const each of clocks) each[Symbol.dispose]();
    await instance[Symbol.asyncDispose]();
  });

  const write = (writer: Writer, plan: Plan) =>
    writer.commit(
      { project: 'shop', action: 'test', actor: 'test', reason: '', requestDigest: '', ...ALLOWED },
      plan,
    );
  const isoNow = (inMs = 0) => new Date(instance.clock.now() + inMs).toISOString();

  it('make changes at the right time, and let changes be scheduled and made', async () => {
    const [ahead, behind] = writers;
    expect((await write(ahead, shop)).time).toBe(isoNow());
    instance.clock.advance(1_000);
    expect((await write(behind, aFlag)).time).toBe(isoNow());
    const off = { id: 'off', at: isoNow(60_000), action: { kind: 'disable' }, by: 'anna' } as const;
    await write(ahead, scheduleChange({ environment: 'production', flag: 'checkout' }, off));
    const { catalog, clock } = instance;
    const commit = vi.spyOn(behind, 'commit');
    using _schedules = new Schedules({
      ...{ catalog, writer: behind, report: () => undefined },
      ...{ clock: clocks[1] ?? clock, sharedNow: async () => clock.now() },
    });
    clock.advance(60_000);
    await vi.waitFor(() => expect(commit.mock.calls).toMatchObject([[{ actor: 'schedule' }, {}]]));
  });
});

describe('a log in which somebody was an hour ahead', () => {
  it('keeps its times in order, and lets changes be scheduled within that hour', async () => {
    await using instance = await openInstance();
    const { clock, commit } = instance;
    clock.jump(HOUR_MS);
    const { time } = await commit('shop', shop);
    clock.jump(-HOUR_MS);
    expect((await commit('shop', aFlag)).time).toBe(time);
    const at = new Date(clock.now() + 60_000).toISOString();
    const off = { id: 'off', at, action: { kind: 'disable' }, by: 'anna' } as const;
    await commit('shop', scheduleChange({ environment: 'production', flag: 'checkout' }, off));
    clock.advance(60_000);
    await vi.waitFor(() => {
      const { settings } = instance.catalog.state('shop');
      expect(settings.get('production')?.get('checkout')?.state.enabled).toBe(false);
    });
  });
});

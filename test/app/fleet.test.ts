import { afterEach, describe, expect, it, vi } from 'vitest';
import { createInProcessHub } from '../../src/adapters/in-process/in-process-bus.ts';
import { createInProcessFleet } from '../../src/adapters/in-process/in-process-fleet.ts';
import { Fleet, type FleetParts } from '../../src/app/fleet.ts';
import { createFlag } from '../../src/app/manage/flags.ts';
import { createProject } from '../../src/app/manage/projects.ts';
import { type FleetRegistry, LIVE_MS } from '../../src/ports/fleet-registry.ts';
import { replicaReport } from '../contract/fleet-registry.ts';
import { createFakeClock } from '../support/fake-clock.ts';
import { openInstance } from '../support/instance.ts';
import { checkout } from './manage/shop.ts';

const open: AsyncDisposable[] = [];
afterEach(async () => {
  for (const each of open.splice(0).reverse()) await each[Symbol.asyncDispose]();
});

const shop = createProject({ key: 'shop', name: '', description: '', environments: [] });
const flag = (key: string) => createFlag({ ...checkout, key, enabledIn: [] });

/** A fleet of one real replica, `here`, which has the project `shop`; others may be made to report. */
async function fleet(parts: Partial<FleetParts> = {}) {
  const clock = createFakeClock();
  const instance = await openInstance({ clock });
  const hub = createInProcessFleet(clock);
  const registry = hub.connect();
  const self = { id: '1', name: 'here', version: '1.2.3', startedAt: new Date(clock.now()).toISOString() };
  const reports: string[] = [];
  const report = (problem: string) => void reports.push(problem);
  const made = new Fleet({ catalog: instance.catalog, clock, registry, self, report, ...parts });
  open.push(instance, made);
  await instance.commit('shop', shop);
  return { fleet: made, instance, clock, hub, registry, reports };
}

/** Lets time pass, in small steps, until the wait is over. */
async function over<T>(wait: Promise<T>, clock: { advance(ms: number): void }): Promise<T> {
  let result: { readonly value: T } | undefined;
  void wait.then((value) => {
    result = { value };
  });
  return await vi.waitFor(
    () => {
      clock.advance(50);
      if (result === undefined) throw new Error('it is not over');
      return result.value;
    },
    { interval: 1 },
  );
}

describe('a fleet', () => {
  it('of one knows itself, and waits for nobody', async () => {
    const { fleet: one, instance } = await fleet();
    expect(await one.view()).toMatchObject({
      membersKnown: true,
      replicas: [{ id: '1', name: 'here', version: '1.2.3', isSelf: true, silenceMs: 0, draining: false }],
    });
    const { revision } = await instance.commit('shop', flag('a'));
    expect(await one.waitFor('shop', revision, { timeoutMs: 1_000 })).toEqual({
      complete: true,
      membersKnown: true,
      elapsedMs: 0,
      replicas: [
        {
          ...{ id: '1', name: 'here', revision, reached: true, reachedAfterMs: 0, silenceMs: 0 },
          quarantined: [],
        },
      ],
    });
  });

  it('of several learns at once who has a change, by name', async () => {
    const clock = createFakeClock();
    const [bus, registries] = [createInProcessHub(), createInProcessFleet(clock)];
    const first = await openInstance({ clock, bus: bus.connect() });
    open.push(first);
    const { directory } = first;
    const others = [
      await openInstance({ clock, directory, bus: bus.connect() }),
      await openInstance({ clock, directory, bus: bus.connect() }),
    ];
    for (const each of others) open.push({ [Symbol.asyncDispose]: each.close });
    const fleets = [first, ...others].map(({ catalog }, index) => {
      const self = { id: `${index}`, name: `pod-${index}`, version: '1', startedAt: '' };
      return new Fleet({ catalog, clock, registry: registries.connect(), self, report: () => undefined });
    });
    open.push(...fleets);
    const { revision } = await first.commit('shop', shop);
    const progress = await over(
      fleets[0]?.waitFor('shop', revision, { timeoutMs: 10_000 }) ?? Promise.reject(),
      clock,
    );
    expect(progress).toMatchObject({ complete: true, membersKnown: true });
    expect(progress.replicas.map(({ name, revision: at, reached }) => [name, at, reached])).toEqual([
      ['pod-0', 1, true],
      ['pod-1', 1, true],
      ['pod-2', 1, true],
    ]);
    expect(progress.elapsedMs).toBeLessThan(1_000);
  });

  it('says at the end of a wait who has the change and who lags', async () => {
    const { fleet: one, clock, hub } = await fleet();
    const others = hub.connect();
    await others.report(replicaReport('2', { name: 'quick', applied: new Map([['shop', 2]]) }));
    await others.report(replicaReport('3', { name: 'slow', applied: new Map([['other', 9]]) }));
    const wait = one.waitFor('shop', 1, { timeoutMs: 2_000 });
    const { complete, membersKnown, elapsedMs, replicas } = await over(wait, clock);
    expect([complete, membersKnown]).toEqual([false, true]);
    expect(elapsedMs).toBeGreaterThanOrEqual(2_000);
    expect(replicas.map(({ name, revision, reached }) => [name, revision, reached])).toEqual([
      ['here', 1, true],
      ['quick', 2, true],
      ['slow', 0, false],
    ]);
    expect(replicas[2]).not.toHaveProperty('reachedAfterMs');
    expect(replicas[2]?.silenceMs).toBeGreaterThanOrEqual(1_500);
  });

  it('says how long each replica took', async () => {
    const { fleet: one, clock, hub } = await fleet();
    const other = hub.connect();
    await other.report(replicaReport('2', { applied: new Map() }));
    const wait = one.waitFor('shop', 1, { timeoutMs: 10_000 });
    await one.view();
    clock.advance(1_000);
    await other.report(replicaReport('2', { sequence: 2, applied: new Map([['shop', 1]]) }));
    const { complete, replicas } = await over(wait, clock);
    expect(complete).toBe(true);
    expect(replicas[0]?.reachedAfterMs).toBe(0);
    expect(replicas[1]?.reachedAfterMs).toBeGreaterThanOrEqual(1_000);
  });

  it('waits for a replica that died without a word until that counts as dead', async () => {
    const { fleet: one, clock, hub } = await fleet();
    await hub.connect().report(replicaReport('2', { name: 'dead', applied: new Map() }));
    const early = await over(one.waitFor('shop', 1, { timeoutMs: LIVE_MS / 2 }), clock);
    expect(early.replicas.map(({ name, reached }) => [name, reached])).toEqual([
      ['dead', false],
      ['here', true],
    ]);
    const late = await over(one.waitFor('shop', 1, { timeoutMs: 2 * LIVE_MS }), clock);
    expect(late).toMatchObject({ complete: true, replicas: [{ name: 'here' }] });
    expect(late.elapsedMs).toBeLessThan(LIVE_MS);
  });

  it('is not complete when nobody can say who there is', async () => {
    const { fleet: one, clock, registry } = await fleet();
    await registry[Symbol.asyncDispose]();
    expect((await one.view()).membersKnown).toBe(false);
    expect(await over(one.waitFor('shop', 1, { timeoutMs: 1_000 }), clock)).toMatchObject({
      complete: false,
      membersKnown: false,
      replicas: [{ name: 'here', reached: true }],
    });
  });

  it('does not count a replica that does not follow the log any more, and says why', async () => {
    const { fleet: one, clock, hub } = await fleet();
    const report = replicaReport('2', {
      applied: new Map([['shop', 7]]),
      troubles: [{ project: 'shop', what: 'forked' }],
      quarantined: [
        { project: 'shop', what: 'flag checkout' },
        { project: 'other', what: 'flag b' },
      ],
    });
    await hub.connect().report(report);
    const { complete, replicas } = await over(one.waitFor('shop', 1, { timeoutMs: 500 }), clock);
    expect(complete).toBe(false);
    expect(replicas[1]).toMatchObject({ reached: false, trouble: 'forked', quarantined: ['flag checkout'] });
  });

  it('ends a wait when nobody is interested any more', async () => {
    const { fleet: one, hub } = await fleet();
    await hub.connect().report(replicaReport('2', { applied: new Map() }));
    const gone = new AbortController();
    const wait = one.waitFor('shop', 1, { timeoutMs: 10_000, signal: gone.signal });
    gone.abort();
    expect((await wait).complete).toBe(false);
  });

  it('takes the newer of what the registry and the signals say, and goes by the registry without signals', async () => {
    const clock = createFakeClock();
    const signals = createInProcessFleet(clock);
    const own = signals.connect();
    const { fleet: one, hub, clock: ownClock } = await fleet({ signals: own });
    const slow = hub.connect();
    await slow.report(replicaReport('2', { name: 'there', sequence: 4, applied: new Map() }));
    await slow.report(replicaReport('3', { name: 'yonder', sequence: 9, applied: new Map([['shop', 1]]) }));
    const fast = signals.connect();
    await fast.report(replicaReport('2', { name: 'there', sequence: 5, applied: new Map([['shop', 1]]) }));
    await fast.report(replicaReport('3', { name: 'yonder', sequence: 8, applied: new Map() }));
    expect(await one.waitFor('shop', 1, { timeoutMs: 1_000 })).toMatchObject({
      complete: true,
      elapsedMs: 0,
    });
    await own[Symbol.asyncDispose]();
    const { replicas } = await over(one.waitFor('shop', 1, { timeoutMs: 1_000 }), ownClock);
    expect(replicas.map(({ name, reached }) => [name, reached])).toEqual([
      ['here', true],
      ['there', false],
      ['yonder', true],
    ]);
  });
});

describe('a replica', () => {
  /** What others see of it. */
  const seen = async (registry: FleetRegistry) => (await registry.members()).map(({ report }) => report);

  it('reports what it has soon after that changed, many changes as few, and that it is still there', async () => {
    const { instance, clock, hub, registry } = await fleet();
    const report = vi.spyOn(registry, 'report');
    for (let index = 0; index < 50; index++) await instance.commit('shop', flag(`f-${index}`));
    clock.advance(250);
    const others = hub.connect();
    await vi.waitFor(async () =>
      expect(await seen(others)).toMatchObject([{ name: 'here', applied: new Map([['shop', 51]]) }]),
    );
    expect(report.mock.calls.length).toBeLessThan(4);
    const { length } = report.mock.calls;
    clock.advance(9_000);
    await vi.waitFor(() => expect(report.mock.calls.length).toBeGreaterThan(length));
    const sequences = report.mock.calls.map(([{ sequence }]) => sequence);
    expect(sequences).toEqual([...new Set(sequences)].sort((a, b) => a - b));
  });

  it('says that it is about to go, and then that it is gone', async () => {
    const { fleet: one, clock, hub } = await fleet();
    const others = hub.connect();
    one.drain();
    clock.advance(250);
    await vi.waitFor(async () => expect(await seen(others)).toMatchObject([{ draining: true }]));
    await one[Symbol.asyncDispose]();
    expect(await seen(others)).toEqual([]);
  });

  it('complains once while it cannot report for longer than one time, and reports again when it can', async () => {
    const clock = createFakeClock();
    const hub = createInProcessFleet(clock);
    const working = hub.connect();
    const closed = hub.connect();
    await closed[Symbol.asyncDispose]();
    let current = closed;
    const registry: FleetRegistry = { ...working, report: (report) => current.report(report) };
    const { reports, clock: ownClock } = await fleet({ registry });
    const beats = () => ownClock.advance(10_000);
    await vi.waitFor(() => {
      beats();
      expect(reports).toHaveLength(1);
    });
    for (let beat = 0; beat < 3; beat++) beats();
    expect(reports).toEqual(['this replica could not report to the others']);
    current = working;
    await vi.waitFor(async () => {
      beats();
      expect(await seen(working)).toHaveLength(1);
    });
  });
});

import { expect, vi } from 'vitest';
import { type FleetRegistry, LIVE_MS, type ReplicaReport } from '../../src/ports/fleet-registry.ts';
import { type Check, declareContract, type Store } from './contract.ts';
import { CONFUSABLE, secondsIn } from './samples.ts';

/** Where registries of one fleet are made, and time goes by. */
export interface RegistryStore extends Store<FleetRegistry> {
  /** Makes every report that much older. */
  passes(ms: number): Promise<void>;
}

/** How long a report may take from one end to the other. */
const PATIENCE_MS = 3_000;

export function replicaReport(id: string, parts: Partial<ReplicaReport> = {}): ReplicaReport {
  return {
    id,
    sequence: 1,
    name: `name of ${id}`,
    version: '1.0.0',
    startedAt: secondsIn(0),
    draining: false,
    stalenessMs: 0,
    applied: new Map([['shop', 1]]),
    troubles: [],
    quarantined: [],
    ...parts,
  };
}

async function eventually(claim: () => Promise<void>): Promise<void> {
  await vi.waitFor(claim, { timeout: PATIENCE_MS, interval: 5 });
}

const byId = (a: ReplicaReport, b: ReplicaReport) => (a.id < b.id ? -1 : 1);

/** Waits until the handle shows exactly these. */
async function shows(registry: FleetRegistry, ...reports: readonly ReplicaReport[]): Promise<void> {
  await eventually(async () => {
    const members = await registry.members();
    expect(members.map(({ report }) => report).sort(byId)).toEqual([...reports].sort(byId));
  });
}

/** Waits until the handle can be used: one may have to connect first. */
async function ready(...registries: readonly FleetRegistry[]): Promise<void> {
  for (const registry of registries) await eventually(async () => void (await registry.members()));
}

/** What the port `FleetRegistry` demands of every adapter. `open` gives the registry as one replica has it. */
export const fleetRegistryChecks: readonly Check<RegistryStore>[] = [
  {
    title: 'shows a report to every handle, its own included',
    async run(store) {
      await using one = await store.open();
      await using other = await store.open();
      await ready(one, other);
      await one.report(replicaReport('a'));
      await other.report(replicaReport('b'));
      for (const registry of [one, other]) await shows(registry, replicaReport('a'), replicaReport('b'));
    },
  },
  {
    title: 'shows a report as it is, to the last code point',
    async run(store) {
      await using one = await store.open();
      await using other = await store.open();
      await ready(one, other);
      const report = replicaReport('a', {
        sequence: Number.MAX_SAFE_INTEGER,
        name: '\u{1f600}\u2028\uffff"\n',
        draining: true,
        stalenessMs: 0xffff_ffff,
        applied: new Map(CONFUSABLE.map((project, index) => [project, index])),
        troubles: CONFUSABLE.map((project) => ({ project, what: 'forked' })),
        quarantined: CONFUSABLE.map((what) => ({ project: 'shop', what })),
      });
      await one.report(report);
      for (const registry of [one, other]) await shows(registry, report);
    },
  },
  {
    title: 'shows the latest report of a replica, and never an earlier one again',
    async run(store) {
      await using one = await store.open();
      await using other = await store.open();
      await ready(one, other);
      const [first, second] = [1, 2].map((sequence) =>
        replicaReport('a', { sequence, applied: new Map([['shop', sequence]]) }),
      ) as [ReplicaReport, ReplicaReport];
      await one.report(first);
      for (const registry of [one, other]) await shows(registry, first);
      await one.report(second);
      for (const registry of [one, other]) await shows(registry, second);
      await one.report(first);
      await one.report(replicaReport('witness'));
      for (const registry of [one, other]) await shows(registry, second, replicaReport('witness'));
    },
  },
  {
    title: 'shows what was reported before a handle was opened',
    async run(store) {
      await using one = await store.open();
      await ready(one);
      await one.report(replicaReport('a'));
      await using other = await store.open();
      await ready(other);
      await shows(other, replicaReport('a'));
    },
  },
  {
    title: 'shows the age of a report, and a silent replica for as long as it counts as live',
    async run(store) {
      await using one = await store.open();
      await using other = await store.open();
      await ready(one, other);
      await one.report(replicaReport('a'));
      await shows(other, replicaReport('a'));
      await store.passes(LIVE_MS / 2);
      await other.report(replicaReport('b'));
      for (const registry of [one, other]) {
        await shows(registry, replicaReport('a'), replicaReport('b'));
        const ages = new Map((await registry.members()).map(({ report, ageMs }) => [report.id, ageMs]));
        expect(ages.get('a')).toBeGreaterThanOrEqual(LIVE_MS / 2);
        expect(ages.get('b')).toBeGreaterThanOrEqual(0);
        expect(ages.get('b')).toBeLessThan(LIVE_MS / 2);
      }
      await store.passes(LIVE_MS / 2 + 1);
      for (const registry of [one, other]) await shows(registry, replicaReport('b'));
    },
  },
  {
    title: 'shows a replica again that reports after it was silent for too long',
    async run(store) {
      await using one = await store.open();
      await ready(one);
      await one.report(replicaReport('a'));
      await shows(one, replicaReport('a'));
      await store.passes(2 * LIVE_MS);
      await shows(one);
      await one.report(replicaReport('a', { sequence: 2 }));
      await shows(one, replicaReport('a', { sequence: 2 }));
    },
  },
  {
    title: 'does not show a replica that has left',
    async run(store) {
      await using one = await store.open();
      await using other = await store.open();
      await ready(one, other);
      await one.report(replicaReport('a'));
      await other.report(replicaReport('b'));
      for (const registry of [one, other]) await shows(registry, replicaReport('a'), replicaReport('b'));
      await one.leave('a');
      for (const registry of [one, other]) await shows(registry, replicaReport('b'));
    },
  },
  {
    title: 'does not call a listener that has gone',
    async run(store) {
      await using one = await store.open();
      await using other = await store.open();
      await ready(one, other);
      let told = 0;
      other.subscribe(() => void told++)[Symbol.dispose]();
      using _handle = other.subscribe(() => undefined);
      await one.report(replicaReport('a'));
      await shows(other, replicaReport('a'));
      expect(told).toBe(0);
    },
  },
  {
    title: 'is unavailable once it is disposed, and shows others what it reported',
    async run(store) {
      const one = await store.open();
      await using other = await store.open();
      await ready(one, other);
      await one.report(replicaReport('a'));
      await shows(other, replicaReport('a'));
      await one[Symbol.asyncDispose]();
      for (const work of [() => one.members(), () => one.report(replicaReport('b')), () => one.leave('a')])
        await expect(work()).rejects.toMatchObject({ kind: 'unavailable' });
      await shows(other, replicaReport('a'));
    },
  },
];

/** Declares the suite for one adapter. */
export function declareFleetRegistryContract(name: string, createStore: () => Promise<RegistryStore>): void {
  declareContract(`${name} keeps the contract of the fleet registry`, fleetRegistryChecks, createStore);
}

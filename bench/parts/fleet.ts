import os from 'node:os';
import { openChanges } from '../fleet/changes.ts';
import type { Distribution } from '../fleet/distribution.ts';
import { type FleetPlan, measureFleet } from '../fleet/measurements.ts';
import { startFleet } from '../fleet/replicas.ts';
import { type Delay, type FleetSummary, type HaltSummary, summaryOf } from '../fleet/summary.ts';
import { verifyFleet } from '../fleet/verify-fleet.ts';
import { watchFleet } from '../fleet/watchers.ts';
import { atMost, type Check, type Part, type PartOptions } from '../lib/part.ts';
import { figure, table } from '../lib/table.ts';

const REPLICAS = 3;
const FULL: FleetPlan = {
  ...{ watchers: 1_000, writes: 220, writesWithoutNats: 75, partitions: 10, partitionMs: 3_000 },
  ...{ halts: 30, haltsWithoutNats: 10 },
};
const QUICK: FleetPlan = {
  ...{ watchers: 1_000, writes: 30, writesWithoutNats: 15, partitions: 2, partitionMs: 2_000 },
  ...{ halts: 6, haltsWithoutNats: 3 },
};

/** A change on its way to every watcher of every replica, also where not everything is as it should be. */
export const fleet: Part = {
  name: 'fleet',
  about: 'how soon 1,000 watchers on 3 replicas are told of a write, and a halt has reached every replica',
  run: async (options) => {
    const plan = options.quick ? QUICK : FULL;
    const before = load();
    const { summary, revision } = await measure(options, plan);
    const after = load();
    const text = [
      delayTable(plan, summary),
      haltTable(summary),
      'From the call to the answer of a write, from there to the watchers; after a partition, from its end.\n' +
        `Every watcher was told of every write, and knew at revision ${revision} what new ones on each replica do.\n` +
        `Load ${before} before, ${after} after. 10,000 streams on one replica, and their memory: part fanout.`,
    ].join('\n\n');
    const data = { plan, load: { before, after }, revision, ...summary };
    return { text, checks: checksOf(plan, summary), data };
  },
};

async function measure({ root, tell }: PartOptions, plan: FleetPlan) {
  tell(`fleet: MongoDB, NATS and ${REPLICAS} replicas`);
  await using running = await startFleet(root, REPLICAS);
  using changes = await openChanges(running);
  const ports = running.replicas.map(({ port }) => port);
  // Nobody knows its key before that.
  await changes.halt(0, 10_000);
  const options = { ports, token: running.serverToken, streams: plan.watchers };
  await using watchers = await watchFleet(options);
  tell(`fleet: writes, halts and partitions, with ${plan.watchers} watchers`);
  const measured = await measureFleet(running, changes, watchers, plan);
  const revision = await verifyFleet(running, changes, watchers);
  return { summary: summaryOf(measured, await watchers.arrivals(), plan.watchers), revision };
}

function checksOf(plan: FleetPlan, { delays, halts }: FleetSummary): Check[] {
  const to = 'to the last of 1,000 watchers, p99';
  const asked = plan.halts + plan.haltsWithoutNats;
  const complete = halts.withNats.complete + halts.withoutNats.complete;
  const { p50, p99 } = halts.withNats.took;
  return [
    atMost(`a write with NATS, ${to}`, 250, delays.withNats.last.p99, 'ms'),
    atMost(`a write without NATS, ${to}`, 1_000, delays.withoutNats.last.p99, 'ms'),
    atMost(`a healed partition, ${to}`, 3_000, delays.healed.last.p99, 'ms'),
    {
      target: 'a halt that waits for the fleet lists every replica: always',
      measured: `${complete} of ${asked}, with NATS after ${figure(p50)} ms, p99 ${figure(p99)} ms`,
      isMet: complete === asked,
      score: complete / asked,
    },
  ];
}

function delayTable({ watchers, partitionMs }: FleetPlan, { delays }: FleetSummary): string {
  const title = `to ${watchers.toLocaleString('en-US')} watchers on ${REPLICAS} replicas`;
  const heading = [title, 'times', 'ms to the answer', 'to the first', 'to the last, p50', 'p99', 'longest'];
  const healed = `after a partition of ${figure(partitionMs / 1000)} s`;
  const rows = [
    delayRow('a write with NATS', delays.withNats),
    delayRow('a write without NATS', delays.withoutNats),
    delayRow('  in its first 2 s', delays.losingNats),
    delayRow(healed, delays.healed),
    delayRow('  connections cut', delays.healedCut),
    delayRow('  nothing passes', delays.healedSilence),
  ];
  return table([heading, ...rows]);
}

function delayRow(name: string, { answered, first, last }: Delay): string[] {
  const middle = (of: Distribution | undefined) => (of === undefined ? '–' : figure(of.p50));
  return [name, `${last.count}`, middle(answered), middle(first), ...columnsOf(last)];
}

function haltTable({ halts }: FleetSummary): string {
  const heading = ['a halt that waits for the fleet', 'times', 'all listed', 'ms to the answer, p50', 'p99'];
  const row = (name: string, { complete, took }: HaltSummary) => [
    ...[name, `${took.count}`, `${complete}`],
    ...columnsOf(took),
  ];
  return table([
    [...heading, 'longest'],
    row('with NATS', halts.withNats),
    row('without NATS', halts.withoutNats),
  ]);
}

function columnsOf({ p50, p99, max }: Distribution): string[] {
  return [p50, p99, max].map(figure);
}

function load(): number {
  return Math.round((os.loadavg()[0] ?? 0) * 10) / 10;
}

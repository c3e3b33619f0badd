import { existsSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { openSqliteChangeLog } from '../../../src/adapters/sqlite/sqlite-change-log.ts';
import { openSqliteProjection } from '../../../src/adapters/sqlite/sqlite-projection.ts';
import type { Change } from '../../../src/core/change.ts';
import type { ChangeLog } from '../../../src/ports/change-log.ts';
import { createRandom, type Random } from '../../attacks/random.ts';
import { runReader } from '../clients/reader-client.ts';
import type { Pace, Service } from '../clients/service.ts';
import { runWatcher } from '../clients/watch-client.ts';
import { ANNA, BERT, LASTING_FLAGS, wishOf } from '../clients/wishes.ts';
import { type Knowledge, runWriter } from '../clients/writer-client.ts';
import { ObjectSet } from '../history/digest.ts';
import type { History } from '../history/history.ts';
import { Recorder } from '../history/recorder.ts';
import { LossyBus, type Weather } from './lossy-bus.ts';
import { begin, PLACE, PRINCIPAL } from './project.ts';
import { SimReplica, type SimWorld } from './sim-replica.ts';
import { simService } from './sim-service.ts';
import { runTroubles } from './troubles.ts';
import { VirtualTime } from './virtual-time.ts';

const START_MS = Date.UTC(2026, 0, 1);
const TROUBLED_MS = 12_000;
/** A poll, and how long the slowest watcher may take over a message. */
const CONVERGE_MS = 4_000;
const CALM_MS = 5_000;
const REPLICAS = ['a', 'b', 'c'];

/** One made-up run of a fleet: clients and troubles chosen by the seed, then peace, then what everybody saw. */
export async function runSchedule(seed: number): Promise<History> {
  const directory = await mkdtemp(join(existsSync('/dev/shm') ? '/dev/shm' : tmpdir(), 'vexil-simulation-'));
  const log = await openSqliteChangeLog(directory);
  const projections = await Promise.all(REPLICAS.map((name) => openSqliteProjection(join(directory, name))));
  const unseeded = Math.random;
  try {
    const time = new VirtualTime(START_MS);
    const random = createRandom(seed);
    // What the service leaves to chance is decided by the seed too.
    Math.random = () => random.whole(2 ** 31) / 2 ** 31;
    const weather: Weather = { dropPercent: 25, duplicatePercent: 10, barePercent: 20, slowMs: 40 };
    const world: SimWorld = { time, random, log, bus: new LossyBus(time, random, weather) };
    const replicas = projections.map(
      (projection, at) => new SimReplica(REPLICAS[at] ?? '', world, projection),
    );
    return await run(world, replicas, weather);
  } finally {
    Math.random = unseeded;
    for (const projection of projections) await projection[Symbol.asyncDispose]();
    await log[Symbol.asyncDispose]();
    await rm(directory, { recursive: true, force: true });
  }
}

async function run(world: SimWorld, replicas: readonly SimReplica[], weather: Weather): Promise<History> {
  const { time, random, log } = world;
  const recorder = new Recorder(() => time.nowMs, { convergeWithinMs: CONVERGE_MS, startEpochMs: START_MS });
  const began = await begin(log);
  recorder.begin(began);
  for (const replica of replicas) void replica.start();
  await time.runUntil(500);

  const [writing, watching] = [new AbortController(), new AbortController()];
  const services = replicas.map((replica) =>
    simService(replica, { ...PLACE, principal: PRINCIPAL, log, time }),
  );
  const wallMs = () => START_MS + time.nowMs;
  const knowledge: Knowledge = { environment: PLACE.environment, versions: new Map(), head: began, wallMs };
  const paces = {
    writing: { sleep: (ms: number) => time.sleep(ms), over: writing.signal },
    watching: { sleep: (ms: number) => time.sleep(ms), over: watching.signal },
  };
  const { writers, others } = runClients({ recorder, random, services, knowledge, paces });
  const troubles = runTroubles({ time, random, replicas, recorder, log, untilMs: 500 + TROUBLED_MS });
  await time.runUntil(500 + TROUBLED_MS);
  // Nobody hears of the last changes.
  weather.dropPercent = 100;
  writing.abort();
  await time.runThrough(Promise.all([troubles, writers]));
  recorder.healed();
  await awaitHead(time, replicas, recorder, log);
  watching.abort();
  await time.runThrough(others);
  return recorder.history(await wholeLog(log, PLACE.project), new Date(wallMs()).toISOString());
}

interface ClientParts {
  readonly recorder: Recorder;
  readonly random: Random;
  readonly services: readonly Service[];
  readonly knowledge: Knowledge;
  readonly paces: Readonly<Record<'writing' | 'watching', Pace>>;
}

function runClients({ recorder, random, services, knowledge, paces }: ClientParts) {
  const shared = { recorder, random, services, knowledge };
  const writers = [1, 2, 3, 4].map((number) => {
    const name = `writer-${number}`;
    const wish = (count: number) => wishOf(random, knowledge, `${name}-${count}`);
    return runWriter({ ...shared, name, wish, pace: paces.writing, thinkMs: 250 });
  });
  const views = [
    { kind: 'definitions' },
    { kind: 'definitions' },
    { kind: 'decisions', context: ANNA },
  ] as const;
  const watchers = views.map((view, number) =>
    runWatcher({
      ...shared,
      ...{ name: `watcher-${number + 1}`, environment: knowledge.environment, view, pace: paces.watching },
      ...{ slowMs: number === 1 ? 1_500 : 0, leavesOneIn: 12 },
    }),
  );
  const contexts = [ANNA, BERT];
  const reader = runReader({ ...shared, contexts, flags: LASTING_FLAGS, pace: paces.writing, thinkMs: 120 });
  return { writers: Promise.all(writers), others: Promise.all([...watchers, reader]) };
}

/** Notes how every replica is found once all troubles are over. */
async function awaitHead(
  time: VirtualTime,
  replicas: readonly SimReplica[],
  recorder: Recorder,
  log: ChangeLog,
): Promise<void> {
  const { revision: head = 0 } = (await log.head(PLACE.project)) ?? {};
  const reached = new Map<string, number>();
  const untilMs = time.nowMs + CALM_MS;
  const revisionOf = ({ life }: SimReplica) => life?.catalog.state(PLACE.project).revision ?? 0;
  while (time.nowMs < untilMs) {
    for (const replica of replicas)
      if (revisionOf(replica) >= head && !reached.has(replica.name)) reached.set(replica.name, time.nowMs);
    await time.runUntil(time.nowMs + 100);
  }
  for (const replica of replicas)
    recorder.final({
      ...{ replica: replica.name, environment: PLACE.environment, revision: revisionOf(replica) },
      stateHash: stateHashOf(replica),
      reachedAt: reached.get(replica.name) ?? Number.POSITIVE_INFINITY,
    });
}

function stateHashOf({ life }: SimReplica): string {
  const snapshot = life?.catalog.snapshot(PLACE.project, PLACE.environment);
  const set = new ObjectSet();
  for (const [kind, table] of Object.entries({
    flag: snapshot?.flags,
    segment: snapshot?.segments,
    release: snapshot?.releases,
  }))
    for (const [key, { version }] of table ?? []) set.put({ id: `${kind} ${key}`, version, witness: '' });
  return set.stateHash();
}

async function wholeLog(log: ChangeLog, project: string): Promise<Change[]> {
  return [...(await log.read(project, 0, 1_000_000))];
}

import { setTimeout as delay } from 'node:timers/promises';
import { createMongoChangeLog } from '../../../src/adapters/mongo/mongo-change-log.ts';
import { openMongo } from '../../../src/adapters/mongo/open-mongo.ts';
import type { Change } from '../../../src/core/change.ts';
import { createRandom, type Random } from '../../attacks/random.ts';
import { newKey, newProject } from '../../e2e/tour/tour.ts';
import { type Calls, callsOf } from '../../support/calls.ts';
import type { GrpcCaller } from '../../support/grpc-caller.ts';
import { runReader } from '../clients/reader-client.ts';
import type { Service, Wish } from '../clients/service.ts';
import { runWatcher } from '../clients/watch-client.ts';
import { ANNA, BERT, LASTING_FLAGS, SEGMENT, wishOf } from '../clients/wishes.ts';
import { type Knowledge, runWriter, write } from '../clients/writer-client.ts';
import type { History, ViewSeen } from '../history/history.ts';
import { Recorder } from '../history/recorder.ts';
import { findFinals } from './finals.ts';
import type { Fleet } from './fleet.ts';
import { HEARTBEAT_MS } from './fleet.ts';
import type { FleetReplica } from './fleet-replica.ts';
import { fleetService, newFlagRequest } from './fleet-service.ts';

/** Who takes part in a scene. */
export interface Cast {
  readonly writers: number;
  readonly watchers: number;
  readonly readers: number;
  /** How long writers wait between two changes, at the most. */
  readonly thinkMs: number;
  /** Default: anything. */
  readonly wish?: (random: Random, knowledge: Knowledge, key: string) => Wish;
}

export const DEFAULT_CAST: Cast = { writers: 6, watchers: 4, readers: 2, thinkMs: 60 };

/** A project of its own in a fleet, clients at work on it, and a place to make trouble. */
export interface Scene {
  readonly fleet: Fleet;
  readonly recorder: Recorder;
  readonly random: Random;
  /** A replica by its number, from 0. */
  replica(number: number): FleetReplica;
  /** projects/{project} */
  readonly project: string;
  readonly projectKey: string;
  readonly serverToken: string;
  readonly services: readonly Service[];
  readonly knowledge: Knowledge;
  /** Does something bad and then something good, and takes down when. */
  during<T>(what: string, work: () => Promise<T>): Promise<T>;
  sleep(ms: number): Promise<void>;
  /** A replica by another way than the usual one. */
  serviceBy(replica: FleetReplica, grpc: GrpcCaller): Service;
  /** Does one thing, as a writer does who insists on nothing. The revision; 0 if it was refused. */
  write(key: string, wish: Wish): Promise<number>;
  /** More watchers, of these services alone, until the end. */
  watch(services: readonly Service[], count: number): void;
  /** Is there until the end. */
  keep<T extends AsyncDisposable | Disposable>(resource: T): T;
  /** The changes of the project, as MongoDB has them. */
  log(): Promise<readonly Change[]>;
}

let scenes = 0;

/** Plays a scene to its end: trouble, healing, and what everybody then has. */
export async function playScene(
  fleet: Fleet,
  options: { readonly seed: number; readonly cast?: Partial<Cast>; readonly convergeWithinMs: number },
  trouble: (scene: Scene) => Promise<void>,
): Promise<History> {
  const cast = { ...DEFAULT_CAST, ...options.cast };
  await using kept = new AsyncDisposableStack();
  const [writing, watching] = [new AbortController(), new AbortController()];
  const extras: Promise<void>[] = [];
  const scene = await setScene(fleet, options, { kept, extras, watching: watching.signal });
  const clients = runCast(scene, cast, { writing: writing.signal, watching: watching.signal });
  const everybody = async () => {
    writing.abort();
    watching.abort();
    await Promise.all([clients.writers, clients.others, ...extras]);
  };
  try {
    await trouble(scene);
    writing.abort();
    await fleet.heal();
    await clients.writers;
    scene.recorder.healed();
    for (const replica of fleet.replicas)
      if (replica.hasDied()) scene.recorder.incident(`${replica.name} has died: ${replica.server.output()}`);
    const { log, asOf } = await findFinals(scene);
    await everybody();
    return scene.recorder.history(log, asOf);
  } catch (error) {
    await fleet.heal().catch(() => undefined);
    await everybody();
    throw error;
  }
}

/** What is gathered while a scene is played. */
interface Extras {
  readonly kept: AsyncDisposableStack;
  readonly extras: Promise<void>[];
  readonly watching: AbortSignal;
}

async function setScene(
  fleet: Fleet,
  { seed, convergeWithinMs }: { readonly seed: number; readonly convergeWithinMs: number },
  { kept, extras, watching }: Extras,
): Promise<Scene> {
  const projectKey = `scene-${++scenes}`;
  const [first] = fleet.replicas;
  const grpc = first?.grpc();
  if (grpc === undefined) throw new Error('the first replica is not there');
  const calls = callsOf(grpc.call, fleet.adminToken);
  const { project, serverToken } = await setProject(calls, projectKey);
  const startEpochMs = Date.now() - performance.now();
  const recorder = new Recorder(() => performance.now(), { convergeWithinMs, startEpochMs });
  const serviceOf = ({ name }: FleetReplica, grpc: () => GrpcCaller | undefined) =>
    fleetService({
      ...{ replica: name, grpc, adminToken: fleet.adminToken, serverToken },
      ...{ project, environment: 'production', silenceMs: 3 * HEARTBEAT_MS + 500 },
      toRecorder: (epochMs) => epochMs - startEpochMs,
    });
  const services = fleet.replicas.map((replica) => serviceOf(replica, () => replica.grpc()));
  const log = () => logOf(fleet, projectKey);
  const head = (await log()).length;
  recorder.begin(head);
  await everywhere(services, head);
  const random = createRandom(seed);
  const knowledge: Knowledge = { environment: 'production', versions: new Map(), head, wallMs: Date.now };
  const sleep = async (ms: number) => void (await delay(ms));
  const pace = { sleep, over: watching };
  const shared = { recorder, random, pace, services };
  return {
    ...{ fleet, recorder, random, project, projectKey, serverToken, services, log, knowledge, sleep },
    write: (key, wish) =>
      write({ ...shared, name: 'scene', knowledge: { ...knowledge, versions: new Map() } }, key, wish),
    keep: (resource) => kept.use(resource),
    serviceBy: (replica, grpc) => serviceOf(replica, () => grpc),
    watch(from, count) {
      for (let number = 0; number < count; number++)
        extras.push(
          runWatcher({
            ...{ recorder, services: from, random: createRandom(random.whole(2 ** 31)), pace },
            ...{
              name: `extra-${extras.length + 1}`,
              environment: 'production',
              view: { kind: 'definitions' },
            },
            ...{ slowMs: 0, leavesOneIn: 0 },
          }),
        );
    },
    replica(number) {
      const found = fleet.replicas[number % fleet.replicas.length];
      if (found === undefined) throw new Error('a fleet of nobody');
      return found;
    },
    async during(what, work) {
      const over = recorder.fault(what);
      try {
        return await work();
      } finally {
        over();
      }
    },
  };
}

async function setProject(calls: Calls, key: string) {
  const project = await newProject(calls, key);
  const environment = `${project}/environments/production`;
  const serverToken = await newKey(calls, project, { kind: 'KEY_KIND_SERVER', environment });
  await calls.ok('SegmentService/CreateSegment', { parent: project, segmentId: SEGMENT });
  for (const flag of LASTING_FLAGS)
    await calls.ok('FlagService/CreateFlag', newFlagRequest(project, flag, 'production'));
  return { project, serverToken };
}

/** Resolves when every replica has the project, so that nobody is turned away for a key that is too new. */
async function everywhere(services: readonly Service[], revision: number): Promise<void> {
  for (const service of services) {
    const untilMs = performance.now() + 10_000;
    for (;;) {
      const seen = await service.staleness().catch((error: unknown) => error);
      if (!(seen instanceof Error) && Object(seen).revision >= revision) break;
      if (performance.now() > untilMs) throw new Error(`${service.replica} does not get there: ${seen}`);
      await delay(50);
    }
  }
}

function runCast(
  { recorder, random, services, knowledge, sleep }: Scene,
  cast: Cast,
  over: { readonly writing: AbortSignal; readonly watching: AbortSignal },
) {
  const shared = { recorder, services, knowledge };
  const wishes = cast.wish ?? wishOf;
  const own = () => createRandom(random.whole(2 ** 31));
  const pace = { sleep, over: over.writing };
  const writers = Array.from({ length: cast.writers }, (_, number) => {
    const name = `writer-${number + 1}`;
    const chance = own();
    const wish = (count: number) => wishes(chance, knowledge, `${name}-${count}`);
    return runWriter({ ...shared, random: chance, name, wish, pace, thinkMs: cast.thinkMs });
  });
  const watchers = Array.from({ length: cast.watchers }, (_, number) => {
    const view: ViewSeen = number % 3 === 2 ? { kind: 'decisions', context: ANNA } : { kind: 'definitions' };
    return runWatcher({
      ...{
        ...shared,
        random: own(),
        name: `watcher-${number + 1}`,
        environment: knowledge.environment,
        view,
      },
      ...{ pace: { sleep, over: over.watching }, slowMs: number === 1 ? 300 : 0, leavesOneIn: 40 },
    });
  });
  const readers = Array.from({ length: cast.readers }, () =>
    runReader({ ...shared, random: own(), contexts: [ANNA, BERT], flags: LASTING_FLAGS, pace, thinkMs: 60 }),
  );
  return { writers: Promise.all(writers), others: Promise.all([...watchers, ...readers]) };
}

/** Straight from the server, past every proxy. */
async function logOf({ database }: Fleet, project: string): Promise<readonly Change[]> {
  await using mongo = openMongo({ uri: database.uri, database: database.name });
  await using log = createMongoChangeLog(mongo);
  const changes: Change[] = [];
  for (;;) {
    const page = await log.read(project, changes.length, 500);
    if (page.length === 0) return changes;
    changes.push(...page);
  }
}

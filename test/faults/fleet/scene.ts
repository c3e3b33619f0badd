import { setTimeout as delay } from 'node:timers/promises';
import type { Change } from '../../../src/core/change.ts';
import { createRandom } from '../../attacks/random.ts';
import type { GrpcCaller } from '../../support/grpc-caller.ts';
import type { Service, Wish } from '../clients/service.ts';
import { runWatcher } from '../clients/watch-client.ts';
import { type Knowledge, write } from '../clients/writer-client.ts';
import type { History } from '../history/history.ts';
import { Recorder } from '../history/recorder.ts';
import { type Cast, DEFAULT_CAST, runCast, type Stage } from './cast.ts';
import { findFinals } from './finals.ts';
import { type Fleet, HEARTBEAT_MS } from './fleet.ts';
import type { FleetReplica } from './fleet-replica.ts';
import { fleetService } from './fleet-service.ts';
import { everywhere, logOf, newSceneProject } from './scene-project.ts';

/** A project of its own in a fleet, clients at work on it, and a place to make trouble. */
export interface Scene extends Stage {
  readonly fleet: Fleet;
  /** A replica by its number, from 0. */
  replica(number: number): FleetReplica;
  /** projects/{project} */
  readonly project: string;
  readonly projectKey: string;
  readonly serverToken: string;
  /** Does something bad and then something good, and takes down when. */
  during<T>(what: string, work: () => Promise<T>): Promise<T>;
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
  gathered: Extras,
): Promise<Scene> {
  const projectKey = `scene-${++scenes}`;
  const { project, serverToken } = await newSceneProject(fleet, projectKey);
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
  const knowledge: Knowledge = { environment: 'production', versions: new Map(), head, wallMs: Date.now };
  const sleep = async (ms: number) => void (await delay(ms));
  const stage: Stage = { recorder, random: createRandom(seed), services, knowledge, sleep };
  return {
    ...{ ...stage, fleet, project, projectKey, serverToken, log },
    ...means(stage, fleet, gathered),
    serviceBy: (replica, grpc) => serviceOf(replica, () => grpc),
  };
}

/** What a scenario can do. */
function means(
  { recorder, random, services, knowledge, sleep }: Stage,
  fleet: Fleet,
  { kept, extras, watching }: Extras,
): Pick<Scene, 'write' | 'keep' | 'watch' | 'replica' | 'during'> {
  const shared = { recorder, random, services, pace: { sleep, over: watching } };
  return {
    write: (key, wish) =>
      write({ ...shared, name: 'scene', knowledge: { ...knowledge, versions: new Map() } }, key, wish),
    keep: (resource) => kept.use(resource),
    watch(from, count) {
      const where = { environment: knowledge.environment, view: { kind: 'definitions' } } as const;
      for (let number = 0; number < count; number++) {
        const own = { name: `extra-${extras.length + 1}`, random: createRandom(random.whole(2 ** 31)) };
        extras.push(runWatcher({ ...shared, ...where, ...own, services: from, slowMs: 0, leavesOneIn: 0 }));
      }
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

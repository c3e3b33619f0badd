import { randomBytes, randomUUID } from 'node:crypto';
import { hostname } from 'node:os';
import { Access } from '../app/access.ts';
import { Admission } from '../app/admission.ts';
import { type Adopted, type Adoption, adoptHistory } from '../app/adopt-history.ts';
import { bootstrap } from '../app/bootstrap.ts';
import { Catalog } from '../app/catalog.ts';
import { DEFAULT_CONTEXT_LIMITS } from '../app/decisions.ts';
import type { Recorder } from '../app/exposures/recorder.ts';
import { Reports } from '../app/exposures/reports.ts';
import type { Writing } from '../app/exposures/writing.ts';
import { Fleet } from '../app/fleet.ts';
import type { Self } from '../app/fleet-own-report.ts';
import { Guards } from '../app/guards/guards.ts';
import { History } from '../app/history.ts';
import { Projector } from '../app/projector.ts';
import { Schedules } from '../app/schedules.ts';
import { openSharedClock } from '../app/shared-clock.ts';
import { WatchHub } from '../app/watch-hub.ts';
import { DEFAULT_WATCH_OPTIONS, type WatchParts } from '../app/watch-request.ts';
import { Writer } from '../app/writer.ts';
import type { Clock } from '../ports/clock.ts';
import type { EvaluationParts } from '../rpc/evaluation-service.ts';
import {
  type Backend,
  closeBackend,
  type NamedConfig,
  openBackend,
  type Report,
  type Role,
} from './backend.ts';
import type { Config } from './config.ts';
import type { DataDirectory } from './data-directory.ts';
import { type Exposures, startExposures } from './exposure-parts.ts';
import type { Links } from './link-gauges.ts';
import { type Abandon, startKnowingKeys } from './start-knowing-keys.ts';

/** Everything behind the network side, running. */
export interface App extends AsyncDisposable {
  readonly catalog: Catalog;
  readonly writer: Writer;
  readonly access: Access;
  readonly admission: Admission;
  readonly history: History;
  readonly adopt: (adoption: Adoption) => Promise<Adopted>;
  readonly fleet: Fleet;
  readonly evaluation: EvaluationParts;
  readonly hub: WatchHub;
  /** Undefined: nothing is recorded. */
  readonly recorder: Recorder | undefined;
  /** What callers report. Undefined: nothing is recorded. */
  readonly reports: Reports | undefined;
  /** What was recorded, on its way and in tables. Undefined: nothing is recorded. */
  readonly exposures: Exposures | undefined;
  readonly links: Links;
  /** Undefined: this process does not write what was recorded into tables. */
  readonly writing: Writing | undefined;
  /** To be called when a worker was lost: what it took with it is to be counted. */
  readonly workerLost: () => void;
  readonly pepper: string;
  readonly random: (size: number) => Uint8Array;
  /** True on the first start of all: the admin key was made just now. */
  readonly isFirstStart: boolean;
}

/** How much of the time for a shutdown what was recorded has, to reach the queue. */
const FLUSH_SHARE = 0.1;

/**
 * Puts everything together. `ending` aborts when watchers are to be told goodbye. `abandon` is called
 * when it turns out later that this process must not serve. Rejects with `unavailable` if what is stored cannot be read.
 */
export async function compose(
  config: Config,
  data: DataDirectory,
  serverVersion: string,
  ending: AbortSignal,
  report: Report,
  role: Role = { kind: 'alone' },
  abandon: Abandon = () => undefined,
): Promise<App> {
  const named = { ...config, replicaName: replicaNameOf(config, role) };
  const backend = await openBackend(named, data, report, role);
  try {
    return await assemble(backend, named, data, serverVersion, ending, report, role, abandon);
  } catch (error) {
    await closeBackend(backend);
    throw error;
  }
}

async function assemble(
  backend: Backend,
  config: NamedConfig,
  data: DataDirectory,
  serverVersion: string,
  ending: AbortSignal,
  report: Report,
  role: Role,
  abandon: Abandon,
): Promise<App> {
  const { log } = backend;
  const leads = role.kind !== 'worker';
  const pepper = config.keyPepper ?? data.pepper();
  const catalog = new Catalog({ ...backend, shared: backend.shown, report });
  const self = selfOf(config, serverVersion, backend.clock);
  const fleet = new Fleet({ ...backend, catalog, report, self });
  await startKnowingKeys(catalog, backend.agreement, abandon);
  const { now: sharedNow } = log;
  const clock = openSharedClock({ clock: backend.clock, sharedNow, report });
  if (Number.isFinite(catalog.silenceMs())) await clock.looked;
  const writer = new Writer({ ...backend, catalog, clock, fleet, limits: config.limits });
  const access = new Access(catalog, clock, pepper);
  const isFirstStart = leads && (await bootstrap({ ...data, catalog, writer, clock, pepper }));
  const projectors = leads ? projectorsOf(backend, catalog, report) : [];
  const schedules = leads ? new Schedules({ catalog, writer, clock, report, sharedNow }) : undefined;
  const hub = new WatchHub(catalog, clock, { slowMs: 60_000 });
  ending.addEventListener('abort', () => hub.wakeAll(), { once: true });
  ending.addEventListener('abort', () => fleet.drain(), { once: true });
  const { heartbeatMs, maxWatchAgeMs: maxAgeMs } = config;
  const options = { ...DEFAULT_WATCH_OPTIONS, heartbeatMs, maxAgeMs };
  const { exposures } = backend;
  const guards =
    leads && exposures ? new Guards({ catalog, writer, clock, report, sharedNow, ...exposures }) : undefined;
  const work =
    exposures &&
    (await startExposures(exposures, config, {
      ...{ catalog, clock, pepper, process: self.id, report, dataPath: data.path, leads },
    }));
  const recorder = work?.recorder;
  const reports = recorder && new Reports(recorder, clock);
  const watch: WatchParts = { catalog, access, clock, hub, recorder, ending, options };
  const contextLimits = DEFAULT_CONTEXT_LIMITS;
  return {
    ...{
      catalog,
      writer,
      access,
      fleet,
      hub,
      recorder,
      reports,
      exposures,
      pepper,
      random: randomBytes,
      isFirstStart,
    },
    writing: work?.writing,
    links: { bus: backend.bus, ignored: backend.ignored, aheadMs: clock.aheadMs },
    workerLost: () => work?.workerLost(),
    admission: new Admission(config.admission, clock),
    history: new History(log),
    adopt: (adoption) => adoptHistory({ ...backend, catalog, clock, fleet }, adoption),
    evaluation: { catalog, access, clock, watch, recorder, contextLimits, serverVersion },
    async [Symbol.asyncDispose]() {
      await work?.flush(config.shutdownMs * FLUSH_SHARE);
      hub[Symbol.dispose]();
      schedules?.[Symbol.dispose]();
      guards?.[Symbol.dispose]();
      access[Symbol.dispose]();
      await work?.close();
      for (const projector of projectors) await projector[Symbol.asyncDispose]();
      await fleet[Symbol.asyncDispose]();
      await catalog[Symbol.asyncDispose]();
      await closeBackend(backend);
      clock[Symbol.dispose]();
    },
  };
}

function projectorsOf({ projection, shown, clock }: Backend, catalog: Catalog, report: Report): Projector[] {
  const parts = { catalog, clock, report };
  const own = new Projector({ ...parts, projection, notes: true });
  return shown === undefined ? [own] : [own, new Projector({ ...parts, projection: shown, repairs: true })];
}

/** How this run of the process presents itself to the other replicas. */
function selfOf(config: NamedConfig, version: string, clock: Clock): Self {
  const startedAt = new Date(clock.now()).toISOString();
  return { id: randomUUID(), name: config.replicaName, version, startedAt };
}

/** What others call this process. */
export function replicaNameOf({ replicaName }: Config, role: Role): string {
  if (role.kind !== 'worker') return replicaName ?? `${hostname()}-${process.pid}`;
  return `${replicaName ?? `${hostname()}-${process.ppid}`} worker ${role.number}`;
}

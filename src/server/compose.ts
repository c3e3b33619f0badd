import { randomBytes, randomUUID } from 'node:crypto';
import { hostname } from 'node:os';
import { createInProcessBus, createInProcessHub } from '../adapters/in-process/in-process-bus.ts';
import { createInProcessRegistry } from '../adapters/in-process/in-process-fleet.ts';
import { systemClock } from '../adapters/in-process/system-clock.ts';
import { createIpcBus } from '../adapters/ipc/ipc-bus.ts';
import { createIpcHub, type IpcHub } from '../adapters/ipc/ipc-hub.ts';
import { createIpcRegistry } from '../adapters/ipc/ipc-registry.ts';
import { type Line, processLine } from '../adapters/ipc/line.ts';
import type { Mongo } from '../adapters/mongo/open-mongo.ts';
import { lockDirectory } from '../adapters/sqlite/directory-lock.ts';
import { openSqliteChangeLog } from '../adapters/sqlite/sqlite-change-log.ts';
import { openSqliteProjection } from '../adapters/sqlite/sqlite-projection.ts';
import { Access } from '../app/access.ts';
import { Admission } from '../app/admission.ts';
import { type Adopted, type Adoption, adoptHistory } from '../app/adopt-history.ts';
import { bootstrap } from '../app/bootstrap.ts';
import { Catalog } from '../app/catalog.ts';
import { DEFAULT_CONTEXT_LIMITS } from '../app/decisions.ts';
import { LateQueue } from '../app/exposures/late-queue.ts';
import { openLate } from '../app/exposures/late-store.ts';
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
import type { ChangeBus } from '../ports/change-bus.ts';
import type { ChangeLog } from '../ports/change-log.ts';
import type { Clock } from '../ports/clock.ts';
import type { ExposureQueue } from '../ports/exposure-queue.ts';
import type { ExposureStore } from '../ports/exposure-store.ts';
import type { FleetRegistry } from '../ports/fleet-registry.ts';
import type { Projection } from '../ports/projection.ts';
import type { EvaluationParts } from '../rpc/evaluation-service.ts';
import type { Config } from './config.ts';
import type { DataDirectory } from './data-directory.ts';
import type { ExposureSettings } from './exposure-config.ts';
import { type Exposures, startExposures } from './exposure-parts.ts';
import type { FleetSettings, NatsSettings } from './fleet-config.ts';
import type { Links } from './link-gauges.ts';
import { type Abandon, startKnowingKeys } from './start-knowing-keys.ts';

/** The clock of this process, for what runs beside the app. */
export const processClock: Clock = systemClock;

/** What a process of the service is there for. */
export type Role =
  | { readonly kind: 'alone' }
  /** Does what has to be done once for all, and starts the workers. */
  | { readonly kind: 'owner'; readonly line: Line }
  /** Answers calls. `line` leads to the owner. */
  | { readonly kind: 'worker'; readonly number: number; readonly line: Line };

/** Where an owner brings its workers together. */
export function createWorkerHub(): IpcHub {
  return createIpcHub(systemClock);
}

export { lockDirectory, processLine };

/** Hears of what is wrong but stops nothing. */
export type Report = (problem: string, details: Readonly<Record<string, unknown>>) => void;

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

type NamedConfig = Config & { readonly replicaName: string };

interface Backend {
  readonly log: ChangeLog;
  readonly bus: ChangeBus;
  /** On this machine, to start from. */
  readonly projection: Projection;
  /** For people to look at; all replicas keep it up. */
  readonly shown?: Projection;
  readonly registry: FleetRegistry;
  readonly signals?: FleetRegistry;
  /** How many messages came over the bus that were none. Absent: nobody else can send any. */
  readonly ignored?: () => number;
  readonly clock: Clock;
  /** Absent: nothing is recorded. */
  readonly exposures?: Exposures;
  /** What the stores and buses need to the last, in the order in which it may go. */
  readonly connections: readonly AsyncDisposable[];
  /** Resolves once it is known that keys can be told here; rejects if they cannot. May take as long as the log is away. */
  readonly agreement: Promise<void>;
}

/**
 * The one place that names concrete adapters. `ending` aborts when watchers are to be told goodbye. `abandon` is called
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
  const backend = await (config.fleet === undefined
    ? openEmbedded(named, data, report, role)
    : openShared(named, config.fleet, data, report));
  try {
    return await assemble(backend, named, data, serverVersion, ending, report, role, abandon);
  } catch (error) {
    await closeAll(backend);
    throw error;
  }
}

async function openEmbedded(
  { exposures }: Config,
  data: DataDirectory,
  report: Report,
  role: Role,
): Promise<Backend> {
  const onError = (error: unknown) => report('a subscriber of the bus failed', { error });
  return {
    log: await openSqliteChangeLog(data.path),
    projection: await openSqliteProjection(data.path),
    ...(role.kind === 'alone'
      ? { bus: createInProcessBus({ onError }), registry: createInProcessRegistry(systemClock) }
      : { bus: createIpcBus(role.line, { onError }), registry: createIpcRegistry(role.line, systemClock) }),
    ...(exposures && { exposures: { queue: queueIn(data, exposures, report), store: storeIn(data) } }),
    clock: systemClock,
    connections: [],
    agreement: Promise.resolve(),
  };
}

/** All processes that share the data directory share the queue. */
function queueIn({ path }: DataDirectory, { queueBytes }: ExposureSettings, report: Report): ExposureQueue {
  return new LateQueue({
    ...{ clock: systemClock, report },
    open: async () => {
      const { openSqliteExposureQueue } = await import('../adapters/sqlite/exposure-queue.ts');
      const options = { clock: systemClock, maxBytes: queueBytes, inThread: true };
      return await openSqliteExposureQueue(path, options);
    },
  });
}

function storeIn({ path }: DataDirectory): ExposureStore {
  return openLate(async () => {
    const { openSqliteExposureStore } = await import('../adapters/sqlite/exposure-store.ts');
    return await openSqliteExposureStore(path);
  });
}

function storeOn(mongo: Mongo, report: Report): ExposureStore {
  return openLate(async () => {
    const { createMongoExposureStore } = await import('../adapters/mongo/exposure-store.ts');
    return createMongoExposureStore(mongo, { report });
  });
}

/** Drivers are loaded only here: an embedded service has no use for them. */
async function openShared(
  config: NamedConfig,
  { mongo: { uri, database }, nats }: FleetSettings,
  data: DataDirectory,
  report: Report,
): Promise<Backend> {
  const { openMongo } = await import('../adapters/mongo/open-mongo.ts');
  const { agreeOnSecretEventually, fingerprintOf } = await import('../adapters/mongo/agreed-secret.ts');
  const { createMongoChangeLog } = await import('../adapters/mongo/mongo-change-log.ts');
  const { createMongoProjection } = await import('../adapters/mongo/mongo-projection.ts');
  const { createMongoRegistry } = await import('../adapters/mongo/mongo-fleet.ts');
  const pepper = config.keyPepper ?? data.pepper();
  const mongo = openMongo({ uri, database, appName: `vexil ${config.replicaName}` });
  try {
    const fingerprint = fingerprintOf('pepper', pepper);
    const agreement = agreeOnSecretEventually(mongo, 'pepper', pepper, systemClock).then(() =>
      data.noteAgreedPepper(fingerprint),
    );
    agreement.catch(() => undefined);
    if (![undefined, fingerprint].includes(data.agreedPepper())) {
      report('waits for the log, for the pepper is not the one from before', {});
      await agreement;
    }
    const shown = createMongoProjection(mongo);
    const stores = {
      log: createMongoChangeLog(mongo),
      projection: await openSqliteProjection(data.path),
      shown,
      registry: createMongoRegistry(mongo),
      clock: systemClock,
      agreement,
    };
    const exposures = (queue: ExposureQueue | undefined) =>
      queue && { exposures: { queue, store: storeOn(mongo, report) } };
    if (nats === undefined) {
      const queue = config.exposures && queueIn(data, config.exposures, report);
      const rest = { bus: createLonelyBus(report), connections: [mongo] };
      return { ...stores, ...rest, ...exposures(queue) };
    }
    const { link, queue, ...messages } = await openMessages(nats, pepper, config, report);
    return { ...stores, ...messages, ...exposures(queue), connections: [link, mongo] };
  } catch (error) {
    await mongo[Symbol.asyncDispose]();
    throw error;
  }
}

/** Cut off from all others: whoever follows the log is told to look at it often. */
function createLonelyBus(report: Report): ChangeBus {
  const hub = createInProcessHub({ onError: (error) => report('a subscriber of the bus failed', { error }) });
  hub.cut();
  return hub.connect();
}

async function openMessages(
  { prefix, ...options }: NatsSettings,
  pepper: string,
  config: NamedConfig,
  report: Report,
) {
  const { openNats } = await import('../adapters/nats/open-nats.ts');
  const { createNatsBus } = await import('../adapters/nats/nats-bus.ts');
  const { createNatsRegistry } = await import('../adapters/nats/nats-fleet.ts');
  const { messageKeyOf } = await import('../adapters/nats/sealed-message.ts');
  const link = openNats({ ...options, name: `vexil ${config.replicaName}`, clock: systemClock, report });
  const parts = { link, prefix, key: messageKeyOf(pepper), clock: systemClock, report };
  const [bus, signals] = [createNatsBus(parts), createNatsRegistry(parts)];
  const ignored = () => bus.ignored() + signals.ignored();
  const messages = { link, bus, signals, ignored, queue: undefined };
  if (config.exposures === undefined) return messages;
  const { createNatsExposureQueue } = await import('../adapters/nats/exposure-queue.ts');
  const maxBytes = config.exposures.queueBytes;
  return { ...messages, queue: createNatsExposureQueue({ ...parts, maxBytes }) };
}

async function closeAll({
  log,
  bus,
  projection,
  shown,
  registry,
  signals,
  exposures,
  connections,
}: Backend): Promise<void> {
  for (const part of [
    exposures?.queue,
    exposures?.store,
    registry,
    signals,
    bus,
    projection,
    shown,
    log,
    ...connections,
  ])
    await part?.[Symbol.asyncDispose]();
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
    leads && exposures ? new Guards({ catalog, writer, clock, report, ...exposures }) : undefined;
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
      await closeAll(backend);
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

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
import { LateQueue } from '../app/exposures/late-queue.ts';
import { openLate } from '../app/exposures/late-store.ts';
import type { ChangeBus } from '../ports/change-bus.ts';
import type { ChangeLog } from '../ports/change-log.ts';
import type { Clock } from '../ports/clock.ts';
import type { ExposureQueue } from '../ports/exposure-queue.ts';
import type { ExposureStore } from '../ports/exposure-store.ts';
import type { FleetRegistry } from '../ports/fleet-registry.ts';
import type { Projection } from '../ports/projection.ts';
import type { Config } from './config.ts';
import type { DataDirectory } from './data-directory.ts';
import type { ExposureSettings } from './exposure-config.ts';
import type { Exposures } from './exposure-parts.ts';
import type { FleetSettings, NatsSettings } from './fleet-config.ts';

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

export type NamedConfig = Config & { readonly replicaName: string };

/** What the app stands on. */
export interface Backend {
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

/** The one place that names concrete adapters. Rejects with `unavailable` if what is stored cannot be read. */
export function openBackend(
  config: NamedConfig,
  data: DataDirectory,
  report: Report,
  role: Role,
): Promise<Backend> {
  return config.fleet === undefined
    ? openEmbedded(config, data, report, role)
    : openShared(config, config.fleet, data, report);
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

/** In the order in which nothing misses what was closed before it. */
export async function closeBackend({
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

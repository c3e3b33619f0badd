import { randomBytes, randomUUID } from 'node:crypto';
import { hostname } from 'node:os';
import { createInProcessBus } from '../adapters/in-process/in-process-bus.ts';
import { createInProcessRegistry } from '../adapters/in-process/in-process-fleet.ts';
import { systemClock } from '../adapters/in-process/system-clock.ts';
import { openSqliteChangeLog } from '../adapters/sqlite/sqlite-change-log.ts';
import { openSqliteProjection } from '../adapters/sqlite/sqlite-projection.ts';
import { Access } from '../app/access.ts';
import { Admission } from '../app/admission.ts';
import { bootstrap } from '../app/bootstrap.ts';
import { Catalog } from '../app/catalog.ts';
import { DEFAULT_CONTEXT_LIMITS } from '../app/decisions.ts';
import { Fleet } from '../app/fleet.ts';
import type { Self } from '../app/fleet-own-report.ts';
import { History } from '../app/history.ts';
import { Projector } from '../app/projector.ts';
import { Schedules } from '../app/schedules.ts';
import { WatchHub } from '../app/watch-hub.ts';
import { DEFAULT_WATCH_OPTIONS, type WatchParts } from '../app/watch-request.ts';
import { Writer } from '../app/writer.ts';
import type { ChangeBus } from '../ports/change-bus.ts';
import type { ChangeLog } from '../ports/change-log.ts';
import type { Clock } from '../ports/clock.ts';
import type { FleetRegistry } from '../ports/fleet-registry.ts';
import type { Projection } from '../ports/projection.ts';
import type { EvaluationParts } from '../rpc/evaluation-service.ts';
import type { Config } from './config.ts';
import type { DataDirectory } from './data-directory.ts';

/** The clock of this process, for what runs beside the app. */
export const processClock: Clock = systemClock;

/** Hears of what is wrong but stops nothing. */
export type Report = (problem: string, details: Readonly<Record<string, unknown>>) => void;

/** Everything behind the network side, running. */
export interface App extends AsyncDisposable {
  readonly catalog: Catalog;
  readonly writer: Writer;
  readonly access: Access;
  readonly admission: Admission;
  readonly history: History;
  readonly fleet: Fleet;
  readonly evaluation: EvaluationParts;
  readonly hub: WatchHub;
  readonly pepper: string;
  readonly random: (size: number) => Uint8Array;
  /** True on the first start of all: the admin key was made just now. */
  readonly isFirstStart: boolean;
}

interface Backend {
  readonly log: ChangeLog;
  readonly bus: ChangeBus;
  readonly projection: Projection;
  readonly registry: FleetRegistry;
  readonly clock: Clock;
}

/**
 * The one place that names concrete adapters. `ending` aborts when watchers are to be told goodbye. Rejects with
 * `unavailable` if what is stored cannot be read.
 */
export async function compose(
  config: Config,
  data: DataDirectory,
  serverVersion: string,
  ending: AbortSignal,
  report: Report,
): Promise<App> {
  const backend: Backend = {
    log: await openSqliteChangeLog(data.path),
    projection: await openSqliteProjection(data.path),
    bus: createInProcessBus({ onError: (error) => report('a subscriber of the bus failed', { error }) }),
    registry: createInProcessRegistry(systemClock),
    clock: systemClock,
  };
  return assemble(backend, config, data, serverVersion, ending, report);
}

async function assemble(
  backend: Backend,
  config: Config,
  data: DataDirectory,
  serverVersion: string,
  ending: AbortSignal,
  report: Report,
): Promise<App> {
  const { log, clock } = backend;
  const pepper = config.keyPepper ?? data.pepper();
  const catalog = new Catalog({ ...backend, report });
  const fleet = new Fleet({ ...backend, catalog, report, self: selfOf(config, serverVersion, clock) });
  await catalog.start();
  const writer = new Writer({ ...backend, catalog, fleet, limits: config.limits });
  const access = new Access(catalog, clock, pepper);
  const isFirstStart = await bootstrap({ catalog, writer, pepper, adminToken: data.adminToken });
  const projector = new Projector({ ...backend, catalog, report });
  const schedules = new Schedules({ catalog, writer, clock, report });
  const hub = new WatchHub(catalog, clock, { slowMs: 60_000 });
  ending.addEventListener('abort', () => hub.wakeAll(), { once: true });
  ending.addEventListener('abort', () => fleet.drain(), { once: true });
  const options = { ...DEFAULT_WATCH_OPTIONS, heartbeatMs: config.heartbeatMs };
  const watch: WatchParts = { catalog, access, clock, hub, ending, options };
  return {
    ...{ catalog, writer, access, fleet, hub, pepper, random: randomBytes, isFirstStart },
    admission: new Admission(config.admission, clock),
    history: new History(log),
    evaluation: { catalog, access, clock, watch, contextLimits: DEFAULT_CONTEXT_LIMITS, serverVersion },
    async [Symbol.asyncDispose]() {
      hub[Symbol.dispose]();
      schedules[Symbol.dispose]();
      access[Symbol.dispose]();
      await projector[Symbol.asyncDispose]();
      await fleet[Symbol.asyncDispose]();
      await catalog[Symbol.asyncDispose]();
      await backend.registry[Symbol.asyncDispose]();
      await backend.bus[Symbol.asyncDispose]();
      await backend.projection[Symbol.asyncDispose]();
      await log[Symbol.asyncDispose]();
    },
  };
}

/** How this run of the process presents itself to the other replicas. */
function selfOf({ replicaName }: Config, version: string, clock: Clock): Self {
  const startedAt = new Date(clock.now()).toISOString();
  return { id: randomUUID(), name: replicaName ?? hostname(), version, startedAt };
}

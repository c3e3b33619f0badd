import { readFileSync } from 'node:fs';
import type { Report } from '../app/quarantine.ts';
import { type HttpHandler, page } from '../rpc/http-exchange.ts';
import type { Refused } from '../rpc/refusal.ts';
import { lockDirectory, processClock, type Role } from './backend.ts';
import { type App, compose, replicaNameOf } from './compose.ts';
import type { Config, Exposure } from './config.ts';
import { type DataDirectory, openDataDirectory } from './data-directory.ts';
import { observeRecorder } from './exposure-gauges.ts';
import { withFastPath } from './fast-path.ts';
import { watchFreshness } from './freshness.ts';
import { createLifecycle, type Lifecycle } from './lifecycle.ts';
import { observeLinks } from './link-gauges.ts';
import { type Listener, listen } from './listen.ts';
import { createLogger, type Logger } from './logger.ts';
import { createManagementHandler } from './management-server.ts';
import { createMetrics, type Metrics } from './metrics.ts';
import { createReadiness, type Readiness } from './readiness.ts';
import { createRefusalLog } from './refusal-log.ts';
import { SERVICE_NAMES } from './service-names.ts';
import { withTraces } from './with-traces.ts';
import { observeWriting } from './writing-gauges.ts';

/** One process of the service, running, but with no port open yet. */
export interface ServiceProcess {
  readonly config: Config;
  readonly app: App;
  readonly data: DataDirectory;
  readonly logger: Logger;
  readonly readiness: Readiness;
  readonly metrics: Metrics;
  /** Counts a refusal, and writes it down. */
  readonly refused: Refused;
  readonly lifecycle: Lifecycle;
  /** Absent in a worker. */
  readonly management: ManagementPort | undefined;
}

/** Starts what is behind the ports. Not ready until somebody unblocks `starting`. */
export async function openProcess(config: Config, role: Role): Promise<ServiceProcess> {
  const logger = createLogger(config.logLevel);
  const readiness = createReadiness(SERVICE_NAMES);
  const data = openDataDirectory(config.dataDir);
  // Workers are in it with their owner.
  const lock = role.kind === 'worker' ? undefined : await lockDirectory(data.path, { as: 'vexil serve' });
  const { drainDelayMs, shutdownMs } = config;
  const log = (message: string, error?: unknown) =>
    error === undefined ? logger.info(message) : logger.error({ err: error }, message);
  const lifecycle = createLifecycle({ readiness, drainDelayMs, shutdownMs, clock: processClock, log });
  const report = (problem: string, details: Readonly<Record<string, unknown>>) =>
    logger.warn(details, problem);
  const metrics = await openMetrics(config, role, report);
  const abandon = (error: unknown) => {
    logger.fatal({ err: error }, 'must not serve, and stops');
    void lifecycle.stop().then(() => process.exit(1));
  };
  // Whoever runs this can ask how it is also while it waits for its log.
  const management = role.kind === 'worker' ? undefined : await openManagement(config, readiness, logger);
  try {
    const app = await compose(config, data, versionOfThis(), lifecycle.stopping, report, role, abandon);
    observe(app, metrics);
    lifecycle.addCloser('the app', async () => await app[Symbol.asyncDispose]());
    lifecycle.addCloser('the metrics', () => metrics.close());
    const freshness = watchFreshness(app.catalog, readiness, config.freshness, processClock);
    lifecycle.addCloser('the watch over the log', () => freshness[Symbol.dispose]());
    lifecycle.addCloser('the data directory', () => lock?.[Symbol.dispose]());
    const refused = refusedOf(logger, metrics, lifecycle);
    return { config, app, data, logger, readiness, metrics, refused, lifecycle, management };
  } catch (error) {
    management?.listener.destroy();
    lock?.[Symbol.dispose]();
    throw error;
  }
}

async function openMetrics(config: Config, role: Role, report: Report): Promise<Metrics> {
  const process = { instance: replicaNameOf(config, role), version: versionOfThis() };
  return await withTraces(createMetrics(), config.traces, { ...process, clock: processClock, report });
}

function refusedOf(logger: Logger, metrics: Metrics, lifecycle: Lifecycle): Refused {
  const write = (fields: object, message: string) => logger.warn(fields, message);
  const log = createRefusalLog({ write, clock: processClock });
  const count = metrics.counter('vexil.refusals', 'Calls that were refused for their key.', 'reason');
  lifecycle.addCloser('the log of refusals', () => log[Symbol.dispose]());
  return (refusal) => {
    count(refusal.reason);
    log.add(refusal);
  };
}

/** The port for whoever runs this: until it is told what there is, it says only how the process is. */
interface ManagementPort {
  readonly listener: Listener;
  serve(handler: HttpHandler): void;
}

async function openManagement(config: Config, readiness: Readiness, logger: Logger): Promise<ManagementPort> {
  let current = createManagementHandler({ readiness, metrics: async () => '' });
  const listener = await listen({
    ...{ host: config.managementHost, port: config.managementPort, limits: config.connections },
    onConnectionError: (error) => noteConnectionError(logger, error),
    onRequest: (request) => current(request),
  });
  return {
    listener,
    serve(handler) {
      current = handler;
    },
  };
}

/** Opens the port that callers use. It is closed when the process stops. */
export async function listenPublicly(
  service: ServiceProcess,
  port: number,
  reusePort = false,
): Promise<Listener> {
  const { config, app, logger, metrics, lifecycle, refused } = service;
  const tls = config.tls && (await import('./tls-files.ts')).readTlsFiles(config.tls);
  const onRequest = handler(service, 'public');
  const listener = await listen({
    ...{ host: config.host, port, reusePort, limits: config.connections, onRequest },
    onConnectionError: (error) => noteConnectionError(logger, error),
    ...(config.fastPath && withFastPath(app, config.messages, logger, metrics.recordCall, refused)),
    ...(tls && { tls }),
  });
  lifecycle.addListener(listener);
  return listener;
}

/** What peers and networks do has a code; anything else was not foreseen. */
function noteConnectionError(logger: Logger, error: Error): void {
  if ('code' in error) logger.debug({ err: error }, 'a connection failed');
  else logger.error({ err: error }, 'a connection failed unexpectedly');
}

/** Serves everything on the port for whoever runs this. It is open until the very end. */
export function serveManagement(service: ServiceProcess, metrics: () => Promise<string>): Listener {
  const { app, readiness, lifecycle, management } = service;
  if (management === undefined) throw new Error('a worker has no management port');
  const state = () => stateOf(app);
  const rpc = handler(service, 'management');
  management.serve(createManagementHandler({ readiness, metrics, rpc, state }));
  lifecycle.addCloser('the management port', () => management.listener.destroy());
  return management.listener;
}

/** How the process is, in numbers: it is told to anybody. */
function stateOf({ catalog }: App): Readonly<Record<string, number>> {
  const troubles = catalog.troubles();
  return {
    stalenessMs: Math.min(Math.round(catalog.stalestMs()), 0xffff_ffff),
    forked: troubles.filter(({ trouble }) => trouble === 'forked').length,
    damaged: troubles.filter(({ trouble }) => trouble === 'damaged').length,
    quarantined: catalog.problems().length,
  };
}

/** What one port answers, beside what has a path of its own: loaded when somebody asks, for many never do. */
function handler(service: ServiceProcess, port: Exclude<Exposure, 'off'>): HttpHandler {
  let loading: Promise<HttpHandler> | undefined;
  return async (request) => {
    loading ??= import('./every-rpc.ts').then(({ everyRpc }) => everyRpc(service, port));
    try {
      return (await loading)(request);
    } catch (error) {
      service.logger.error({ err: error }, 'the services cannot be loaded');
      return page(503);
    }
  };
}

function observe(app: App, metrics: Metrics): void {
  metrics.gauge('vexil.watchers', 'Open WatchFlags streams.', () => app.hub.size);
  const state = () => stateOf(app);
  metrics.gauge(
    'vexil.staleness',
    'Milliseconds: everything that was acknowledged longer ago is served here.',
    () => state().stalenessMs ?? 0,
  );
  metrics.gauge(
    'vexil.projects_in_trouble',
    'Projects whose log is damaged or was rewritten.',
    () => app.catalog.troubles().length,
  );
  metrics.gauge('vexil.projects_forked', 'Projects whose log was rewritten.', () => state().forked ?? 0);
  metrics.gauge(
    'vexil.quarantined',
    'Stored objects and changes that this build does not understand.',
    () => state().quarantined ?? 0,
  );
  observeLinks(app, metrics);
  if (app.recorder !== undefined) observeRecorder(app.recorder, metrics);
  if (app.writing !== undefined) observeWriting(app.writing, metrics);
  metrics.gauge('vexil.projects', 'Projects.', () => app.catalog.projects().length);
}

function versionOfThis(): string {
  const { version } = JSON.parse(readFileSync(new URL('../../package.json', import.meta.url), 'utf8'));
  return String(version);
}

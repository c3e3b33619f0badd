import { readFileSync } from 'node:fs';
import { type App, compose, processClock, type Role } from './compose.ts';
import type { Config, Exposure } from './config.ts';
import { type DataDirectory, openDataDirectory } from './data-directory.ts';
import { withFastPath } from './fast-path.ts';
import { createLifecycle, type Lifecycle } from './lifecycle.ts';
import { type HttpHandler, type Listener, listen } from './listen.ts';
import { createLogger, type Logger } from './logger.ts';
import { createManagementHandler } from './management-server.ts';
import { createMetrics, type Metrics } from './metrics.ts';
import { createReadiness, type Readiness } from './readiness.ts';
import { SERVICE_NAMES } from './service-names.ts';
import { readTlsFiles } from './tls-files.ts';

/** One process of the service, running, but with no port open yet. */
export interface ServiceProcess {
  readonly config: Config;
  readonly app: App;
  readonly data: DataDirectory;
  readonly logger: Logger;
  readonly readiness: Readiness;
  readonly metrics: Metrics;
  readonly lifecycle: Lifecycle;
}

/** Starts what is behind the ports. Not ready until somebody unblocks `starting`. */
export async function openProcess(config: Config, role: Role): Promise<ServiceProcess> {
  const logger = createLogger(config.logLevel);
  const readiness = createReadiness(SERVICE_NAMES);
  const metrics = createMetrics();
  const data = openDataDirectory(config.dataDir);
  const { drainDelayMs, shutdownMs } = config;
  const log = (message: string, error?: unknown) =>
    error === undefined ? logger.info(message) : logger.error({ err: error }, message);
  const lifecycle = createLifecycle({ readiness, drainDelayMs, shutdownMs, clock: processClock, log });
  const report = (problem: string, details: Readonly<Record<string, unknown>>) =>
    logger.warn(details, problem);
  const app = await compose(config, data, versionOfThis(), lifecycle.stopping, report, role);
  observe(app, metrics);
  lifecycle.addCloser('the app', async () => await app[Symbol.asyncDispose]());
  lifecycle.addCloser('the metrics', () => metrics.close());
  lifecycle.addCloser('the watch over the log', watchStaleness(app, config, readiness));
  return { config, app, data, logger, readiness, metrics, lifecycle };
}

/** Opens the port that callers use. It is closed when the process stops. */
export async function listenPublicly(
  service: ServiceProcess,
  port: number,
  reusePort = false,
): Promise<Listener> {
  const { config, app, logger, metrics, lifecycle } = service;
  const tls = config.tls && readTlsFiles(config.tls);
  const onRequest = handler(service, 'public');
  const listener = await listen({
    ...{ host: config.host, port, reusePort, limits: config.connections, onRequest },
    onConnectionError: (error) => logger.debug({ err: error }, 'a connection failed'),
    ...(config.fastPath && withFastPath(onRequest, app, config.messages, logger, metrics.recordCall)),
    ...(tls && { tls }),
  });
  lifecycle.addListener(listener);
  return listener;
}

/** Opens the port for whoever runs this. It is open until the very end. */
export async function listenForManagement(
  service: ServiceProcess,
  metrics: () => Promise<string>,
): Promise<Listener> {
  const { config, logger, readiness, lifecycle } = service;
  const management = await listen({
    ...{ host: config.managementHost, port: config.managementPort, limits: config.connections },
    onConnectionError: (error) => logger.debug({ err: error }, 'a connection failed'),
    onRequest: createManagementHandler({ readiness, metrics, rpc: handler(service, 'management') }),
  });
  lifecycle.addCloser('the management port', () => management.destroy());
  return management;
}

/** What one port answers, beside what has a path of its own: loaded when somebody asks, for many never do. */
function handler(service: ServiceProcess, port: Exclude<Exposure, 'off'>): HttpHandler {
  let loaded: HttpHandler | undefined;
  let loading: Promise<HttpHandler> | undefined;
  return (request, response) => {
    if (loaded !== undefined) {
      loaded(request, response);
      return;
    }
    loading ??= import('./every-rpc.ts').then(({ everyRpc }) => everyRpc(service, port));
    loading.then(
      (answer) => {
        loaded = answer;
        answer(request, response);
      },
      (error: unknown) => {
        service.logger.error({ err: error }, 'the services cannot be loaded');
        response.destroy();
      },
    );
  };
}

/** Not ready while the log has been silent for too long. Returns what ends the watch. */
function watchStaleness(app: App, config: Config, readiness: Readiness): () => void {
  let next: Disposable | undefined;
  const look = () => {
    if (app.catalog.silenceMs() > config.maxStalenessMs) readiness.block('stale');
    else readiness.unblock('stale');
    next = processClock.after(1_000, look);
  };
  look();
  return () => next?.[Symbol.dispose]();
}

function observe(app: App, metrics: Metrics): void {
  metrics.gauge('vexil.watchers', 'Open WatchFlags streams.', () => app.hub.size);
  metrics.gauge('vexil.staleness', 'Milliseconds since the log was last reached.', () =>
    app.catalog.silenceMs(),
  );
  metrics.gauge(
    'vexil.projects_in_trouble',
    'Projects whose log is damaged or was rewritten.',
    () => app.catalog.troubles().length,
  );
  metrics.gauge(
    'vexil.quarantined',
    'Stored objects that this build does not understand.',
    () => app.catalog.problems().length,
  );
  metrics.gauge('vexil.projects', 'Projects.', () => app.catalog.projects().length);
}

function versionOfThis(): string {
  const { version } = JSON.parse(readFileSync(new URL('../../package.json', import.meta.url), 'utf8'));
  return String(version);
}

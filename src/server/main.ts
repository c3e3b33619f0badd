import { readFileSync } from 'node:fs';
import { createContextValues } from '@connectrpc/connect';
import { authInterceptor, streamInterceptor } from '../rpc/auth.ts';
import { terminateKey } from '../rpc/evaluation-service.ts';
import { addressKey } from '../rpc/principal-key.ts';
import { type App, compose, processClock } from './compose.ts';
import { type Config, describeConfig, type Exposure, loadConfig } from './config.ts';
import { type DataDirectory, openDataDirectory } from './data-directory.ts';
import { withFastPath } from './fast-path.ts';
import { createLifecycle, stopOnSignals } from './lifecycle.ts';
import { type HttpHandler, listen } from './listen.ts';
import { createLogger, type Logger } from './logger.ts';
import { createManagementHandler } from './management-server.ts';
import { createMetrics, type Metrics } from './metrics.ts';
import { createReadiness, type Readiness } from './readiness.ts';
import { isManagement, routesOf, SERVICE_NAMES } from './routes.ts';
import { createRpcHandler } from './rpc-handler.ts';
import { readTlsFiles } from './tls-files.ts';

/** Runs the service as the environment says, until a signal ends it. Exits with 2 if the configuration is unusable. */
export async function main(env: NodeJS.ProcessEnv): Promise<void> {
  const config = configOrExit(env);
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
  const app = await compose(config, data, versionOfThis(), lifecycle.stopping, report);
  observe(app, metrics);
  lifecycle.addCloser('the app', async () => await app[Symbol.asyncDispose]());
  lifecycle.addCloser('the metrics', () => metrics.close());

  const handlerOf = (port: Exclude<Exposure, 'off'>) =>
    handler(app, config, port, { readiness, metrics, logger, stopping: lifecycle.stopping });
  const onConnectionError = (error: Error) => logger.debug({ err: error }, 'a connection failed');
  const limits = config.connections;
  const tls = config.tls && readTlsFiles(config.tls);
  const onRequest = handlerOf('public');
  const listener = await listen({
    ...{ host: config.host, port: config.port, limits, onRequest, onConnectionError },
    ...(config.fastPath && withFastPath(onRequest, app, config.messages, logger, metrics.recordCall)),
    ...(tls && { tls }),
  });
  const management = await listen({
    ...{ host: config.managementHost, port: config.managementPort, limits, onConnectionError },
    onRequest: createManagementHandler({
      readiness,
      metrics: () => metrics.text(),
      rpc: handlerOf('management'),
    }),
  });
  lifecycle.addListener(listener);
  lifecycle.addCloser('the management port', () => management.destroy());
  stopOnSignals(lifecycle, process, (code) => process.exit(code));
  readiness.unblock('starting');
  lifecycle.addCloser('the watch over the log', watchStaleness(app, config, readiness));
  announce(config, app, data, logger, listener.port, management.port);
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

interface Surroundings {
  readonly readiness: Readiness;
  readonly metrics: Metrics;
  readonly logger: Logger;
  readonly stopping: AbortSignal;
}

/** What one port answers. */
function handler(
  app: App,
  config: Config,
  port: Exclude<Exposure, 'off'>,
  { readiness, metrics, logger, stopping }: Surroundings,
): HttpHandler {
  return createRpcHandler({
    routes: routesOf(app, config, port, readiness, stopping),
    messages: config.messages,
    isManagement,
    interceptors: [
      authInterceptor(app.access, app.admission, (refusal) => logger.warn(refusal, 'refused')),
      streamInterceptor(app.admission),
    ],
    cors: { allows: (origin) => app.access.allowsOrigin(origin) },
    recordCall: metrics.recordCall,
    log: logger,
    contextValues: (request, response) =>
      createContextValues()
        .set(addressKey, request.socket?.remoteAddress ?? '')
        .set(terminateKey, () => ('stream' in response ? response.stream.close() : response.destroy())),
  });
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

function announce(
  config: Config,
  app: App,
  data: DataDirectory,
  logger: Logger,
  port: number,
  managementPort: number,
) {
  const scheme = config.tls === undefined ? 'http' : 'https';
  logger.info({ config: describeConfig(config).split('\n') }, 'configuration');
  logger.info(
    {
      url: `${scheme}://${config.host}:${port}`,
      management: `http://${config.managementHost}:${managementPort}`,
      data: data.path,
    },
    'ready',
  );
  if (!app.isFirstStart) return;
  process.stderr.write(
    `\nThis is the first start. The admin key, shown this once and saved in ${data.adminKeyFile}:\n\n` +
      `  ${data.adminToken()}\n\n`,
  );
}

function configOrExit(env: NodeJS.ProcessEnv): Config {
  try {
    return loadConfig(env);
  } catch (error) {
    process.stderr.write(`${error instanceof Error ? error.message : String(error)}\n`);
    process.exit(2);
  }
}

function versionOfThis(): string {
  const { version } = JSON.parse(readFileSync(new URL('../../package.json', import.meta.url), 'utf8'));
  return String(version);
}

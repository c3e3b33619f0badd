import { readFileSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { createConnectRouter, createContextValues, type Interceptor } from '@connectrpc/connect';
import { authInterceptor } from '../rpc/auth.ts';
import { errorInterceptor } from '../rpc/errors.ts';
import { terminateKey } from '../rpc/evaluation-service.ts';
import { createHttpHandler } from '../rpc/http-handler.ts';
import { refusedCallRecord, telemetryInterceptor } from '../rpc/telemetry-interceptor.ts';
import { type App, compose, processClock } from './compose.ts';
import { type Config, describeConfig, type Exposure, loadConfig, type TlsPaths } from './config.ts';
import { type DataDirectory, openDataDirectory } from './data-directory.ts';
import { createLifecycle, stopOnSignals } from './lifecycle.ts';
import { type HttpHandler, listen, type TlsMaterial } from './listen.ts';
import { createLogger, type Logger } from './logger.ts';
import { createManagementHandler } from './management-server.ts';
import { createMetrics, type Metrics } from './metrics.ts';
import { createReadiness, type Readiness } from './readiness.ts';
import { isManagement, routesOf, SERVICE_NAMES } from './routes.ts';

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
  const tls = config.tls && (await readTls(config.tls));
  const listener = await listen({
    ...{ host: config.host, port: config.port, limits, onRequest: handlerOf('public'), onConnectionError },
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
  lifecycle.addListener(management);
  stopOnSignals(lifecycle, process, (code) => process.exit(code));
  readiness.unblock('starting');
  announce(config, app, data, logger, listener.port, management.port);
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
  const { messages } = config;
  const interceptors: Interceptor[] = [
    telemetryInterceptor(metrics.recordCall),
    errorInterceptor((error, method) =>
      logger.error({ err: error, method }, 'an error that no code foresaw'),
    ),
    authInterceptor(app.access, (refusal) => logger.warn(refusal, 'refused')),
  ];
  const readMaxBytes = Math.max(messages.maxEvaluateBytes, messages.maxManagementBytes);
  const router = createConnectRouter({ interceptors, readMaxBytes });
  routesOf(app, config, port, readiness, stopping)(router);
  return createHttpHandler(router.handlers, {
    cors: { allows: (origin) => app.access.allowsOrigin(origin) },
    limits: {
      maxMessageBytes: ({ parent }) =>
        isManagement(parent) ? messages.maxManagementBytes : messages.maxEvaluateBytes,
      maxJsonDepth: messages.maxJsonDepth,
      receiveTimeoutMs: messages.receiveTimeoutMs,
    },
    unaryTimeoutMs: messages.unaryTimeoutMs,
    contextValues: (_request, response) =>
      createContextValues().set(terminateKey, () =>
        'stream' in response ? response.stream.close() : response.destroy(),
      ),
    onRefused: (call) => metrics.recordCall(refusedCallRecord(call)),
    onError: (error, method) =>
      logger.error({ err: error, method: method.name }, 'an answer could not be written'),
  });
}

function observe(app: App, metrics: Metrics): void {
  metrics.gauge('vexil.watchers', 'Open WatchFlags streams.', () => app.hub.size);
  metrics.gauge('vexil.staleness', 'Milliseconds since this replica was last known to be up to date.', () =>
    app.catalog.stalenessMs(),
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
  logger.debug({ config: describeConfig(config).split('\n') }, 'configuration');
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

async function readTls({ certPath, keyPath, clientCaPath }: TlsPaths): Promise<TlsMaterial> {
  return {
    cert: await readFile(certPath),
    key: await readFile(keyPath),
    ...(clientCaPath !== undefined && { clientCa: await readFile(clientCaPath) }),
  };
}

function versionOfThis(): string {
  const { version } = JSON.parse(readFileSync(new URL('../../package.json', import.meta.url), 'utf8'));
  return String(version);
}

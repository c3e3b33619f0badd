import { fork } from 'node:child_process';
import { once } from 'node:events';
import { getCompileCacheDir } from 'node:module';
import { createServer } from 'node:net';
import { createWorkerHub, processClock, processLine } from './backend.ts';
import { type Config, describeConfig, loadConfig } from './config.ts';
import { stopOnSignals } from './lifecycle.ts';
import type { Listener } from './listen.ts';
import { mergeMetrics } from './merge-metrics.ts';
import { listenPublicly, openProcess, type ServiceProcess, serveManagement } from './service-process.ts';
import { settleMemory } from './settle-memory.ts';
import { startWorkers, type Workers } from './workers.ts';

/** Runs the service as the environment says, until a signal ends it. Exits with 2 if the configuration is unusable. */
export async function main(env: NodeJS.ProcessEnv): Promise<void> {
  const config = configOrExit(env);
  const needsWorkers = config.workers > 1 && config.roles.evaluate;
  await (needsWorkers ? serveWithWorkers(config) : serveAlone(config));
}

async function serveAlone(config: Config): Promise<void> {
  const service = await openProcess(config, { kind: 'alone' });
  const { metrics, readiness, lifecycle } = service;
  const listener = config.roles.evaluate ? await listenPublicly(service, config.port) : undefined;
  const management = serveManagement(service, () => metrics.text());
  stopOnSignals(lifecycle, process, (code) => process.exit(code));
  settleMemory();
  readiness.unblock('starting');
  announce(service, listener?.port, management);
}

/** This process keeps the log up and answers those who run the service; its workers answer everybody else. */
async function serveWithWorkers(config: Config): Promise<void> {
  const hub = createWorkerHub();
  // The workers take the time that load balancers need. What is left here is to wait for them, and then to close.
  const patient = { ...config, drainDelayMs: 0, shutdownMs: config.shutdownMs + WORKERS_HEADROOM_MS };
  const service = await openProcess(patient, { kind: 'owner', line: hub.connect() });
  const { metrics, readiness, lifecycle, logger } = service;
  readiness.block(NO_WORKERS);
  stopOnSignals(lifecycle, process, (code) => process.exit(code));
  await expectFree(config.host, config.port);
  const workers = await startWorkers({
    ...{ count: config.workers, port: config.port, clock: processClock },
    start: (index, port) => {
      const cache = getCompileCacheDir();
      const env = { ...process.env, ...(cache !== undefined && { NODE_COMPILE_CACHE: cache }) };
      const worker = fork(WORKER, [String(index), String(port)], { serialization: 'advanced', env });
      hub.attach(processLine(worker));
      return worker;
    },
    onLost: (index, how) => {
      logger.error({ worker: index + 1, how }, 'a worker was lost and is replaced');
      service.app.workerLost();
    },
    onServing: (count) => (count === 0 ? readiness.block(NO_WORKERS) : readiness.unblock(NO_WORKERS)),
  });
  lifecycle.addListener(listenerOf(workers, config));
  const pages = async () => new Map([['0', await metrics.text()], ...(await workers.metrics())]);
  const management = serveManagement(service, async () => mergeMetrics(await pages()));
  stopOnSignals(lifecycle, process, (code) => process.exit(code));
  settleMemory();
  readiness.unblock('starting');
  announce(service, workers.port, management);
}

/** Workers share the port with whoever else shares it: nobody must have it before them. Rejects if somebody does. */
async function expectFree(host: string, port: number): Promise<void> {
  const probe = createServer();
  probe.listen({ host, port });
  await once(probe, 'listening');
  probe.close();
  await once(probe, 'close');
}

const WORKER = new URL('./worker.ts', import.meta.url);
const NO_WORKERS = 'no-workers';
const WORKERS_HEADROOM_MS = 10_000;

/** To the lifecycle, the workers are what accepts calls. */
function listenerOf(workers: Workers, { host, shutdownMs }: Config): Listener {
  return {
    host,
    port: workers.port,
    connections: () => 0,
    close: () => workers.stop(shutdownMs + WORKERS_HEADROOM_MS / 2),
    destroy: () => void workers.stop(0),
  };
}

/** `port` is the public one, if there is any. */
function announce(service: ServiceProcess, port: number | undefined, management: Listener): void {
  const { config, app, data, logger } = service;
  const scheme = config.tls === undefined ? 'http' : 'https';
  logger.info({ config: describeConfig(config).split('\n') }, 'configuration');
  logger.info(
    {
      ...(port !== undefined && { url: `${scheme}://${config.host}:${port}` }),
      management: `http://${config.managementHost}:${management.port}`,
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

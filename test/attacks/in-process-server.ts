import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { authInterceptor, doorkeeper } from '../../src/rpc/auth.ts';
import { compose } from '../../src/server/compose.ts';
import { loadConfig } from '../../src/server/config.ts';
import { openDataDirectory } from '../../src/server/data-directory.ts';
import { listen } from '../../src/server/listen.ts';
import { createReadiness } from '../../src/server/readiness.ts';
import { isManagement, routesOf } from '../../src/server/routes.ts';
import { createRpcHandler } from '../../src/server/rpc-handler.ts';
import { SERVICE_NAMES } from '../../src/server/service-names.ts';

/** The service in this process, with sockets: what it does to the objects that all code shares can be seen. */
export interface InProcessServer extends AsyncDisposable {
  readonly url: string;
  readonly adminToken: string;
  /** Everything that no code foresaw. */
  readonly unforeseen: readonly unknown[];
}

export async function startInProcess(): Promise<InProcessServer> {
  const dataDir = await mkdtemp(join(tmpdir(), 'vexil-in-process-'));
  const config = loadConfig({ VEXIL_DATA_DIR: dataDir });
  const data = openDataDirectory(dataDir);
  const ending = new AbortController();
  const unforeseen: unknown[] = [];
  const app = await compose(config, data, 'test', ending.signal, (problem, details) => {
    unforeseen.push(problem, details);
  });
  const readiness = createReadiness(SERVICE_NAMES);
  readiness.unblock('starting');
  const ask = doorkeeper(app.access, app.admission, () => undefined);
  const listener = await listen({
    host: '127.0.0.1',
    port: 0,
    limits: config.connections,
    onRequest: createRpcHandler({
      routes: routesOf(app, config, 'public', readiness, ending.signal),
      messages: config.messages,
      isManagement,
      interceptors: [authInterceptor(ask, () => undefined)],
      cors: { allows: (origin) => app.access.allowsOrigin(origin) },
      recordCall: () => undefined,
      log: { error: (...what: unknown[]) => void unforeseen.push(...what) },
    }),
  });
  return {
    url: `http://127.0.0.1:${listener.port}`,
    adminToken: data.adminToken(),
    unforeseen,
    async [Symbol.asyncDispose]() {
      ending.abort();
      listener.destroy();
      await app[Symbol.asyncDispose]();
      await rm(dataDir, { recursive: true, force: true });
    },
  };
}

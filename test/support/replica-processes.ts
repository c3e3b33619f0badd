import { randomBytes } from 'node:crypto';
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { type Calls, callsOf } from './calls.ts';
import { fetchCaller } from './fetch-caller.ts';
import { openTestDatabase, type TestDatabase } from './mongo-server.ts';
import { type ServerProcess, startServer } from './server-process.ts';

/** Processes that serve from one database of their own: `replica-0`, `replica-1` and so on. */
export interface Replicas extends AsyncDisposable {
  readonly servers: readonly ServerProcess[];
  readonly database: TestDatabase;
  /** In the name of the first admin key, to each of them. */
  readonly calls: readonly Calls[];
  /** The first admin key. */
  readonly adminToken: string;
}

/** So many, started at the same time on an empty database of that server. */
export async function startReplicas(
  mongoUri: string,
  count: number,
  env: Readonly<Record<string, string>> = {},
): Promise<Replicas> {
  const database = openTestDatabase(mongoUri);
  const shared = {
    VEXIL_MONGODB_URI: database.uri,
    VEXIL_MONGODB_DATABASE: database.name,
    VEXIL_KEY_PEPPER: randomBytes(32).toString('hex'),
    ...env,
  };
  const started = await Promise.allSettled(
    Array.from({ length: count }, (_, number) =>
      startServer({ env: { ...shared, VEXIL_REPLICA: `replica-${number}` } }),
    ),
  );
  const servers = started.flatMap((each) => (each.status === 'fulfilled' ? [each.value] : []));
  const dispose = async () => {
    for (const server of servers) await server[Symbol.asyncDispose]();
    await database[Symbol.asyncDispose]();
  };
  try {
    for (const each of started) if (each.status === 'rejected') throw each.reason;
    const [maker] = servers.filter(({ dataDir }) => existsSync(join(dataDir, 'admin.key')));
    const adminToken = maker?.adminToken ?? '';
    const calls = servers.map(({ url }) => callsOf(fetchCaller(url), adminToken));
    return { servers, database, calls, adminToken, [Symbol.asyncDispose]: dispose };
  } catch (error) {
    await dispose();
    throw error;
  }
}

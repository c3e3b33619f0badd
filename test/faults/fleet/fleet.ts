import { randomBytes } from 'node:crypto';
import { mkdirSync } from 'node:fs';
import { cp, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { openTestDatabase, type TestDatabase } from '../../support/mongo-server.ts';
import { startFaultProxy } from '../proxies/fault-proxy.ts';
import { startNatsProxy } from '../proxies/nats-proxy.ts';
import { type FleetNats, startNats } from './fleet-nats.ts';
import { FleetReplica } from './fleet-replica.ts';

export interface FleetOptions {
  readonly mongoUri: string;
  /** The path of nats-server: the fleet runs one of its own, which may be killed. */
  readonly natsProgram: string;
  readonly seed: number;
  readonly replicas?: number;
  readonly env?: Readonly<Record<string, string>>;
  /** The URLs of modules that every replica loads before all else. */
  readonly imports?: readonly string[];
}

/** Replicas that share a database and a NATS server, with a proxy on every way to either. */
export interface Fleet extends AsyncDisposable {
  readonly replicas: readonly FleetReplica[];
  readonly nats: FleetNats;
  readonly database: TestDatabase;
  readonly natsPrefix: string;
  readonly adminToken: string;
  /** Everybody is up, and nothing stands between anybody. */
  heal(): Promise<void>;
}

/** Watches come with bookmarks as often, so that clients know soon where they are. */
export const HEARTBEAT_MS = 1_000;

export async function startFleet(options: FleetOptions): Promise<Fleet> {
  const directory = await mkdtemp(join(tmpdir(), 'vexil-faults-'));
  const database = openTestDatabase(options.mongoUri);
  const nats = await startNats(options.natsProgram);
  const natsPrefix = `faults-${randomBytes(6).toString('hex')}`;
  const shared = {
    VEXIL_MONGODB_DATABASE: database.name,
    VEXIL_NATS_PREFIX: natsPrefix,
    VEXIL_KEY_PEPPER: randomBytes(32).toString('hex'),
    VEXIL_HEARTBEAT_MS: String(HEARTBEAT_MS),
    ...options.env,
  };
  const replicas: FleetReplica[] = [];
  const dispose = async () => {
    for (const replica of replicas) await replica[Symbol.asyncDispose]();
    await nats[Symbol.asyncDispose]();
    await database[Symbol.asyncDispose]();
    await rm(directory, { recursive: true, force: true });
  };
  try {
    for (let number = 0; number < (options.replicas ?? 3); number++)
      replicas.push(await newReplica(number, directory, nats, shared, options));
    const adminToken = await startAll(replicas);
    const heal = () => healAll(replicas, nats);
    return { replicas, nats, database, natsPrefix, adminToken, heal, [Symbol.asyncDispose]: dispose };
  } catch (error) {
    await dispose();
    throw error;
  }
}

async function newReplica(
  number: number,
  directory: string,
  nats: FleetNats,
  shared: Readonly<Record<string, string>>,
  { mongoUri, seed, imports = [] }: FleetOptions,
): Promise<FleetReplica> {
  const name = String.fromCharCode(97 + number);
  const [, host = '127.0.0.1', port = '27017'] =
    /^mongodb:\/\/(?:[^@/]*@)?([^:/,]+):(\d+)/.exec(mongoUri) ?? [];
  const mongo = await startFaultProxy({ target: () => ({ host, port: Number(port) }), seed: seed + number });
  const messages = await startNatsProxy({
    target: () => ({ host: '127.0.0.1', port: nats.port }),
    seed: seed + 100 + number,
  });
  const dataDir = join(directory, name);
  mkdirSync(dataDir, { recursive: true, mode: 0o700 });
  const env = {
    ...shared,
    VEXIL_REPLICA: name,
    VEXIL_MONGODB_URI: mongoUri.replace(`${host}:${port}`, `127.0.0.1:${mongo.port}`),
    VEXIL_NATS_URL: `nats://127.0.0.1:${messages.tcp.port}`,
  };
  return new FleetReplica({ name, dataDir, mongo, nats: messages, env, imports });
}

/** The first makes the admin key; the others have it beside their data, as whoever runs them would see to. */
async function startAll(replicas: readonly FleetReplica[]): Promise<string> {
  const [first, ...others] = replicas;
  if (first === undefined) throw new Error('a fleet of nobody');
  await first.start();
  for (const { dataDir } of others) await cp(join(first.dataDir, 'admin.key'), join(dataDir, 'admin.key'));
  await Promise.all(others.map((replica) => replica.start()));
  return first.server.adminToken;
}

async function healAll(replicas: readonly FleetReplica[], nats: FleetNats): Promise<void> {
  for (const replica of replicas) replica.heal();
  nats.resume();
  await nats.start();
  await Promise.all(replicas.map((replica) => (replica.isUp ? undefined : replica.start())));
}

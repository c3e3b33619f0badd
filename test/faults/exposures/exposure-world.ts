import { randomBytes } from 'node:crypto';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { systemClock } from '../../../src/adapters/in-process/system-clock.ts';
import { createMongoExposureStore } from '../../../src/adapters/mongo/exposure-store.ts';
import { openMongo } from '../../../src/adapters/mongo/open-mongo.ts';
import { createNatsExposureQueue } from '../../../src/adapters/nats/exposure-queue.ts';
import { openNats } from '../../../src/adapters/nats/open-nats.ts';
import { messageKeyOf } from '../../../src/adapters/nats/sealed-message.ts';
import { openSqliteExposureQueue } from '../../../src/adapters/sqlite/exposure-queue.ts';
import { openExposureTables } from '../../../src/adapters/sqlite/exposure-tables.ts';
import type { ExposureQueue } from '../../../src/ports/exposure-queue.ts';
import type { ExposureStore } from '../../../src/ports/exposure-store.ts';
import { startJetStream } from '../../contract/exposure-queue-stores.ts';
import { openTestDatabase } from '../../support/mongo-server.ts';
import type { NatsProcess } from '../../support/nats-server.ts';
import { ExposureParty } from './exposure-party.ts';

/** Processes that record and write, and what is between them. */
export interface ExposureWorld extends AsyncDisposable {
  /** Answers calls. */
  readonly recorder: ExposureParty;
  /** One of them may be the recorder. */
  readonly writers: readonly ExposureParty[];
  /** Absent where everything is on one disk. */
  readonly nats: NatsProcess | undefined;
  /** The stream's name; or the directory that the queue is in. */
  readonly queueIn: string;
  /** The test's own ways to what the processes share. */
  readonly queue: ExposureQueue;
  readonly store: ExposureStore;
  readonly adminToken: string;
}

const BUFFER_BYTES = 2 ** 20;
const QUEUE_BYTES = 2 ** 28;
const SHORT_LEASES = new URL('../mutants/short-leases.ts', import.meta.url).href;
/** As the processes have it then. */
const LEASE_MS = 2_000;

/** One process with everything on its disk. */
export async function startEmbeddedWorld(imports: readonly string[] = []): Promise<ExposureWorld> {
  const directory = await mkdtemp(join(tmpdir(), 'vexil-exposures-'));
  const env = { VEXIL_EXPOSURES_BUFFER_BYTES: String(BUFFER_BYTES) };
  const party = new ExposureParty(directory, 'evaluate,write', env, [SHORT_LEASES, ...imports]);
  await party.start();
  const queue = await openSqliteExposureQueue(directory, { clock: systemClock, maxBytes: QUEUE_BYTES });
  const store = await openExposureTables(directory);
  return {
    ...{ recorder: party, writers: [party], nats: undefined, queueIn: directory, queue, store },
    adminToken: party.server.adminToken,
    async [Symbol.asyncDispose]() {
      await party[Symbol.asyncDispose]();
      await queue[Symbol.asyncDispose]();
      await store[Symbol.asyncDispose]();
      await rm(directory, { recursive: true, force: true });
    },
  };
}

/** One process that answers calls, two that write, a database, and a NATS server that may be killed. */
export async function startSharedWorld(
  { mongoUri, natsProgram }: { readonly mongoUri: string; readonly natsProgram: string },
  imports: readonly string[] = [],
): Promise<ExposureWorld> {
  const directory = await mkdtemp(join(tmpdir(), 'vexil-exposures-'));
  const database = openTestDatabase(mongoUri);
  const nats = await startJetStream(natsProgram);
  const [prefix, pepper] = [`faults-${randomBytes(6).toString('hex')}`, randomBytes(32).toString('hex')];
  const env = {
    VEXIL_MONGODB_URI: mongoUri,
    VEXIL_MONGODB_DATABASE: database.name,
    VEXIL_NATS_URL: nats.url,
    VEXIL_NATS_PREFIX: prefix,
    VEXIL_KEY_PEPPER: pepper,
    VEXIL_EXPOSURES_BUFFER_BYTES: String(BUFFER_BYTES),
    VEXIL_EXPOSURES_QUEUE_BYTES: String(QUEUE_BYTES),
  };
  const party = (name: string, roles: string) =>
    new ExposureParty(join(directory, name), roles, env, [SHORT_LEASES, ...imports]);
  const recorder = party('recorder', 'evaluate');
  const writers = ['a', 'b'].map((name) => party(name, 'write'));
  const parts = { clock: systemClock, report: () => undefined };
  const mongo = openMongo({ uri: mongoUri, database: database.name });
  const link = openNats({ ...parts, servers: [nats.url], name: 'test' });
  const key = messageKeyOf(pepper);
  const queue = createNatsExposureQueue({
    ...parts,
    link,
    prefix,
    key,
    maxBytes: QUEUE_BYTES,
    leaseMs: LEASE_MS,
  });
  const store = createMongoExposureStore(mongo);
  const dispose = async () => {
    for (const party of [recorder, ...writers]) await party[Symbol.asyncDispose]();
    for (const each of [queue, link, store, mongo, nats, database]) await each[Symbol.asyncDispose]();
    await rm(directory, { recursive: true, force: true });
  };
  try {
    await recorder.start();
    await Promise.all(writers.map((writer) => writer.start()));
  } catch (error) {
    await dispose();
    throw error;
  }
  return {
    ...{ recorder, writers, nats, queueIn: `${prefix}=exposures`, queue, store },
    adminToken: recorder.server.adminToken,
    [Symbol.asyncDispose]: dispose,
  };
}

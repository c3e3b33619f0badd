import { mkdtemp, readdir, rm, stat } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createMongoExposureStore } from '../../src/adapters/mongo/exposure-store.ts';
import { openMongo } from '../../src/adapters/mongo/open-mongo.ts';
import { openSqliteExposureStore } from '../../src/adapters/sqlite/exposure-store.ts';
import type { ExposureStore } from '../../src/ports/exposure-store.ts';
import { startServers } from '../fleet/servers.ts';

/** An empty store, which is gone once it is disposed of. */
export interface MeasuredStore extends AsyncDisposable {
  readonly store: ExposureStore;
  bytesOnDisk(): Promise<number>;
}

/** A single operation may wait long while everything is measured on one machine. */
const PATIENCE_MS = 30_000;

export async function openSqlite(): Promise<MeasuredStore> {
  const directory = await mkdtemp(join(tmpdir(), 'vexil-bench-'));
  const store = await openSqliteExposureStore(directory);
  return {
    store,
    bytesOnDisk: () => sizeOf(directory),
    async [Symbol.asyncDispose]() {
      await store[Symbol.asyncDispose]();
      await rm(directory, { recursive: true, force: true });
    },
  };
}

/** On a server of its own. Rejects with Unavailable if it cannot be started here. */
export async function openMongoDb(): Promise<MeasuredStore> {
  const servers = await startServers();
  const { host, port } = servers.mongo;
  const uri = `mongodb://${host}:${port}/?directConnection=true`;
  const mongo = openMongo({ uri, database: 'vexil', patienceMs: PATIENCE_MS });
  const store = createMongoExposureStore(mongo);
  return {
    store,
    async bytesOnDisk() {
      const { storageSize, indexSize } = await mongo.db.command({ dbStats: 1 });
      return storageSize + indexSize;
    },
    async [Symbol.asyncDispose]() {
      await store[Symbol.asyncDispose]();
      await mongo[Symbol.asyncDispose]();
      servers[Symbol.dispose]();
    },
  };
}

async function sizeOf(directory: string): Promise<number> {
  const sizes = (await readdir(directory)).map(async (name) => (await stat(join(directory, name))).size);
  return (await Promise.all(sizes)).reduce((sum, size) => sum + size, 0);
}

import {
  createMongoExposureStore,
  type ExposureStoreOptions,
} from '../../src/adapters/mongo/exposure-store.ts';
import { createMongoChangeLog } from '../../src/adapters/mongo/mongo-change-log.ts';
import { createMongoProjection } from '../../src/adapters/mongo/mongo-projection.ts';
import { type Mongo, openMongo } from '../../src/adapters/mongo/open-mongo.ts';
import type { ChangeLog } from '../../src/ports/change-log.ts';
import type { ExposureStore } from '../../src/ports/exposure-store.ts';
import { openTestDatabase, type TestDatabase } from '../support/mongo-server.ts';
import type { Store } from './contract.ts';
import type { ProjectionStore } from './projection.ts';

/** A log in a database of its own on the server of that URI; each handle has a connection of its own. */
export async function createMongoLogStore(uri: string): Promise<Store<ChangeLog>> {
  const database = openTestDatabase(uri);
  return {
    open: async () => openWith(database, createMongoChangeLog),
    [Symbol.asyncDispose]: () => database[Symbol.asyncDispose](),
  };
}

/** A projection in the same way. */
export async function createMongoProjectionStore(uri: string): Promise<ProjectionStore> {
  const database = openTestDatabase(uri);
  return {
    open: async () => openWith(database, createMongoProjection),
    async damage(project) {
      const flags = database.client.db(database.name).collection('flags');
      const { matchedCount } = await flags.updateOne({ project }, { $inc: { version: 1 } });
      if (matchedCount !== 1) throw new Error('nothing to damage');
    },
    [Symbol.asyncDispose]: () => database[Symbol.asyncDispose](),
  };
}

/** A store of exposures in the same way. */
export async function createMongoExposures(
  uri: string,
  options?: ExposureStoreOptions,
): Promise<Store<ExposureStore>> {
  const database = openTestDatabase(uri);
  return {
    open: async () => openWith(database, (mongo) => createMongoExposureStore(mongo, options)),
    [Symbol.asyncDispose]: () => database[Symbol.asyncDispose](),
  };
}

function openWith<T extends AsyncDisposable>({ uri, name }: TestDatabase, create: (mongo: Mongo) => T): T {
  const mongo = openMongo({ uri, database: name });
  const store = create(mongo);
  return {
    ...store,
    async [Symbol.asyncDispose]() {
      await store[Symbol.asyncDispose]();
      await mongo[Symbol.asyncDispose]();
    },
  };
}

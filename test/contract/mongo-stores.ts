import { createMongoChangeLog } from '../../src/adapters/mongo/mongo-change-log.ts';
import { openMongo } from '../../src/adapters/mongo/open-mongo.ts';
import type { ChangeLog } from '../../src/ports/change-log.ts';
import { openTestDatabase } from '../support/mongo-server.ts';
import type { Store } from './contract.ts';

/** A log in a database of its own on the server of that URI; each handle has a connection of its own. */
export async function createMongoLogStore(uri: string): Promise<Store<ChangeLog>> {
  const database = openTestDatabase(uri);
  return {
    async open() {
      const mongo = openMongo({ uri, database: database.name });
      const log = createMongoChangeLog(mongo);
      return {
        ...log,
        async [Symbol.asyncDispose]() {
          await log[Symbol.asyncDispose]();
          await mongo[Symbol.asyncDispose]();
        },
      };
    },
    [Symbol.asyncDispose]: () => database[Symbol.asyncDispose](),
  };
}

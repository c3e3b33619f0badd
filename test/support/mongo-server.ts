import { randomUUID } from 'node:crypto';
import { MongoClient } from 'mongodb';
import { serverOrSkip } from './test-server.ts';

/** The URI of a MongoDB to test with; undefined where the suite is to be skipped. */
export async function mongoServerOrSkip(): Promise<string | undefined> {
  return await serverOrSkip({
    name: 'MongoDB',
    variable: 'VEXIL_TEST_MONGODB_URI',
    image: 'mongo:8',
    port: 27_017,
    readyLine: /Waiting for connections/,
    address: (host, port) => `mongodb://${host}:${port}/?directConnection=true`,
  });
}

/** A database that nobody else uses, which is gone once disposed. */
export interface TestDatabase extends AsyncDisposable {
  readonly uri: string;
  readonly name: string;
  /** A client of the test's own, to look at the data from behind. */
  readonly client: MongoClient;
}

/** Takes a new name on the server of that URI; nothing is created before something is written. */
export function openTestDatabase(uri: string): TestDatabase {
  const name = `vexil-test-${randomUUID()}`;
  const client = new MongoClient(uri, { serverSelectionTimeoutMS: 5_000 });
  return {
    uri,
    name,
    client,
    async [Symbol.asyncDispose]() {
      await client.db(name).dropDatabase();
      await client.close();
    },
  };
}

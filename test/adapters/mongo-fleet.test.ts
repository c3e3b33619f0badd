import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { createMongoRegistry } from '../../src/adapters/mongo/mongo-fleet.ts';
import { type Mongo, openMongo } from '../../src/adapters/mongo/open-mongo.ts';
import type { FleetRegistry } from '../../src/ports/fleet-registry.ts';
import { replicaReport } from '../contract/fleet-registry.ts';
import { mongoServerOrSkip, openTestDatabase, type TestDatabase } from '../support/mongo-server.ts';

const uri = await mongoServerOrSkip();

describe.skipIf(uri === undefined)('the MongoDB registry', () => {
  let database: TestDatabase;
  let mongo: Mongo;
  let registry: FleetRegistry;
  beforeEach(() => {
    database = openTestDatabase(uri ?? '');
    mongo = openMongo({ uri: uri ?? '', database: database.name });
    registry = createMongoRegistry(mongo);
  });
  afterEach(async () => {
    await mongo[Symbol.asyncDispose]();
    await database[Symbol.asyncDispose]();
  });
  const replicas = () => database.client.db(database.name).collection<{ _id: string }>('replicas');

  it('lets the server forget a replica after a minute of silence, by its own clock', async () => {
    await registry.report(replicaReport('a'));
    const indexes = await replicas().indexes();
    expect(indexes).toContainEqual(expect.objectContaining({ key: { seenAt: 1 }, expireAfterSeconds: 60 }));
    const [found] = await replicas().find().toArray();
    expect(found).toMatchObject({ _id: 'a', name: 'name of a', version: '1.0.0', sequence: 1 });
    expect(found).toHaveProperty('seenAt', expect.any(Date));
  });

  it('shows replicas with the age that the server says, whatever the clocks here say', async () => {
    await registry.report(replicaReport('a'));
    await replicas().updateOne({ _id: 'a' }, [{ $set: { seenAt: { $add: ['$seenAt', 5_000] } } }]);
    expect(await registry.members()).toEqual([{ report: replicaReport('a'), ageMs: 0 }]);
  });

  it('passes over documents that are no reports', async () => {
    await registry.report(replicaReport('a'));
    const seenAt = new Date();
    await database.client
      .db(database.name)
      .collection('replicas')
      .insertMany([
        { seenAt },
        { seenAt, report: 'text' },
        { seenAt, report: { id: 'x' } },
        { seenAt, report: '{"format":2}' },
        { report: 'never seen' },
        { seenAt: 'yesterday', report: 'text' },
      ]);
    expect((await registry.members()).map(({ report }) => report.id)).toEqual(['a']);
  });

  it('is unavailable while the server cannot be reached', async () => {
    const nowhere = openMongo({ uri: 'mongodb://127.0.0.1:1/', database: 'x', patienceMs: 200 });
    const unreachable = createMongoRegistry(nowhere);
    await expect(unreachable.members()).rejects.toMatchObject({ kind: 'unavailable' });
    await expect(unreachable.report(replicaReport('a'))).rejects.toMatchObject({ kind: 'unavailable' });
    await nowhere[Symbol.asyncDispose]();
  });
});

import { describe, expect, it } from 'vitest';
import { agreeOnSecret } from '../../src/adapters/mongo/agreed-secret.ts';
import { openMongo } from '../../src/adapters/mongo/open-mongo.ts';
import { mongoServerOrSkip, openTestDatabase } from '../support/mongo-server.ts';

const uri = await mongoServerOrSkip();

describe.skipIf(uri === undefined)('replicas on one database', () => {
  it('agree on the secret of the first, whoever that is', async () => {
    await using database = openTestDatabase(uri ?? '');
    await using mongo = openMongo({ uri: database.uri, database: database.name });
    const secrets = ['one secret', 'another secret', 'one secret', 'another secret'];
    const agreed = await Promise.allSettled(secrets.map((secret) => agreeOnSecret(mongo, 'pepper', secret)));
    const [first] = agreed;
    expect(agreed.map(({ status }) => status === first?.status)).toEqual([true, false, true, false]);
    for (const each of agreed)
      if (each.status === 'rejected')
        expect(each.reason).toMatchObject({
          kind: 'failed_precondition',
          details: { reason: 'SECRET_DIFFERS' },
        });
    await agreeOnSecret(mongo, 'salt', 'another secret');
  });

  it('leave no secret in it', async () => {
    await using database = openTestDatabase(uri ?? '');
    await using mongo = openMongo({ uri: database.uri, database: database.name });
    await agreeOnSecret(mongo, 'pepper', 'one secret');
    const [agreement] = await database.client.db(database.name).collection('agreements').find().toArray();
    expect(agreement).toEqual({ _id: 'pepper', fingerprint: expect.stringMatching(/^[0-9a-f]{12}$/) });
  });
});

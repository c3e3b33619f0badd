import { describe, expect, it, vi } from 'vitest';
import { agreeOnSecret, agreeOnSecretEventually } from '../../src/adapters/mongo/agreed-secret.ts';
import { openMongo } from '../../src/adapters/mongo/open-mongo.ts';
import { startFaultProxy } from '../faults/proxies/fault-proxy.ts';
import { createFakeClock } from '../support/fake-clock.ts';
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

  it.each([
    ['one secret', []],
    ['another secret', ['a secret is not the one of the other replicas']],
  ])('that start without it agree on %s when it can be reached', async (secret, problems) => {
    await using database = openTestDatabase(uri ?? '');
    await using first = openMongo({ uri: database.uri, database: database.name });
    await agreeOnSecret(first, 'pepper', 'one secret');
    const { host, searchParams } = new URL(database.uri);
    const [hostname = '', port] = host.split(':');
    await using proxy = await startFaultProxy({ target: () => ({ host: hostname, port: Number(port) }) });
    proxy.refuse(true);
    const address = `mongodb://127.0.0.1:${proxy.port}/?${searchParams}`;
    await using mongo = openMongo({ uri: address, database: database.name, patienceMs: 1_000 });
    const clock = createFakeClock();
    const reports: string[] = [];
    const report = (problem: string) => void reports.push(problem);
    await agreeOnSecretEventually(mongo, 'pepper', secret, { clock, report });
    expect([clock.pending(), reports]).toEqual([1, []]);
    proxy.heal();
    const look = () => mongo.run((reading) => mongo.db.collection('agreements').findOne({}, reading));
    await vi.waitFor(look, { timeout: 15_000, interval: 100 });
    clock.advance(2_000);
    for (let looks = 0; looks < 5; looks++) await look();
    expect([clock.pending(), reports]).toEqual([0, problems]);
  });
});

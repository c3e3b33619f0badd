import { describe, expect, it, vi } from 'vitest';
import { agreeOnSecret, agreeOnSecretEventually } from '../../src/adapters/mongo/agreed-secret.ts';
import { openMongo } from '../../src/adapters/mongo/open-mongo.ts';
import type { FlagError } from '../../src/core/errors.ts';
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
    ['one secret', 'agreed'],
    ['another secret', 'SECRET_DIFFERS'],
  ])('that start without it find out about %s when it can be reached', async (secret, outcome) => {
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
    let found: string | undefined;
    const agreement = agreeOnSecretEventually(mongo, 'pepper', secret, clock).then(
      () => 'agreed',
      (error: FlagError) => error.details.reason,
    );
    void agreement.then((each) => {
      found = each;
    });
    await vi.waitFor(() => expect(clock.pending()).toBe(1), { timeout: 15_000 });
    expect(found).toBeUndefined();
    proxy.heal();
    await vi.waitFor(
      () => {
        clock.advance(2_000);
        expect(found).toBe(outcome);
      },
      { timeout: 15_000 },
    );
    expect(clock.pending()).toBe(0);
  });

  it('that end without it give up', async () => {
    const mongo = openMongo({ uri: 'mongodb://127.0.0.1:1', database: 'none', patienceMs: 500 });
    const clock = createFakeClock();
    const agreement = agreeOnSecretEventually(mongo, 'pepper', 'one secret', clock);
    agreement.catch(() => undefined);
    await vi.waitFor(() => expect(clock.pending()).toBe(1), { timeout: 15_000 });
    await mongo[Symbol.asyncDispose]();
    clock.advance(2_000);
    await expect(agreement).rejects.toMatchObject({ details: { reason: 'STORE_CLOSED' } });
  });
});

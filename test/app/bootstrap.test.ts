import { randomBytes } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import { bootstrap } from '../../src/app/bootstrap.ts';
import { mintToken, parseToken } from '../../src/app/key-token.ts';
import { SYSTEM } from '../../src/app/principal.ts';
import type { ChangeLog } from '../../src/ports/change-log.ts';
import { type Instance, openInstance, PEPPER } from '../support/instance.ts';
import { openReplicas } from '../support/replicas.ts';

/** A replica's first start: whether it made the key, and whether it has thrown its token away. */
async function startOf({ catalog, writer, clock }: Instance) {
  const { token } = mintToken('admin', randomBytes);
  let isForgotten = false;
  const forgetAdminToken = () => {
    isForgotten = true;
  };
  const isMade = await bootstrap({
    catalog,
    writer,
    clock,
    pepper: PEPPER,
    adminToken: () => token,
    forgetAdminToken,
  });
  return { isMade, isForgotten, keyId: parseToken(token)?.id };
}

/** What a log holds, for each project. */
async function actionsIn(log: ChangeLog): Promise<string[][]> {
  const found = await Promise.all([SYSTEM, 'default'].map((project) => log.read(project, 0, 10)));
  return found.map((changes) => changes.map(({ action }) => action));
}

describe('the first start', () => {
  it('makes an admin key and a project, once', async () => {
    await using one = await openInstance();
    const first = await startOf(one);
    expect(first).toMatchObject({ isMade: true, isForgotten: false });
    expect([...one.catalog.state(SYSTEM).keys.keys()]).toEqual([first.keyId]);
    expect(await startOf(one)).toMatchObject({ isMade: false, isForgotten: false });
    expect(await actionsIn(one.log)).toEqual([['key.bootstrap'], ['project.create']]);
  });

  it('makes one key, and one project, when replicas start together', async () => {
    for (let round = 0; round < 5; round++) {
      await using one = await openInstance();
      await using two = await openInstance({ directory: one.directory });
      await using three = await openInstance({ directory: one.directory });
      const starts = await Promise.all([one, two, three].map(startOf));
      const makers = starts.filter(({ isMade }) => isMade);
      expect(makers).toHaveLength(1);
      expect([...(await one.catalog.catchUp(SYSTEM)).keys.keys()]).toEqual([makers[0]?.keyId]);
      for (const { isMade, isForgotten } of starts) expect(isMade && isForgotten).toBe(false);
      expect(await actionsIn(one.log)).toEqual([['key.bootstrap'], ['project.create']]);
    }
  });

  it('leaves both to the replica that was faster, wherever that one got in between', async () => {
    await using one = await openInstance();
    await using other = await openInstance({ directory: one.directory });
    // Between the look at the idempotency keys and the plan, which then sees what the other has made.
    const log = other.log as { byIdempotencyKey: ChangeLog['byIdempotencyKey'] };
    const lookUp = log.byIdempotencyKey;
    let isFaster = false;
    log.byIdempotencyKey = async (project, key) => {
      const found = await lookUp(project, key);
      if (!isFaster) {
        isFaster = true;
        await startOf(one);
      }
      return found;
    };
    expect(await startOf(other)).toMatchObject({ isMade: false, isForgotten: true });
    expect(await actionsIn(one.log)).toEqual([['key.bootstrap'], ['project.create']]);
  });

  it('is tried again while the log cannot be reached, and is none for who starts from a disk', async () => {
    await using replicas = await openReplicas();
    const replica = await replicas.open();
    replica.link.off();
    const starting = startOf(replica.instance);
    replica.link.on();
    const passing = setInterval(() => replicas.clock.advance(500), 1);
    expect(await starting).toMatchObject({ isMade: true });
    clearInterval(passing);
    await replica.stop();
    await replica.start({ log: 'off' });
    expect(await startOf(replica.instance)).toMatchObject({ isMade: false });
  });

  it('is none in an empty log where there was one before', async () => {
    await using replicas = await openReplicas();
    const replica = await replicas.open();
    await startOf(replica.instance);
    await using elsewhere = await openInstance();
    await replica.stop();
    await replica.start({ log: 'off' });
    replica.link.become(elsewhere.log);
    replica.link.on();
    await replica.instance.catalog.refresh();
    expect(await startOf(replica.instance)).toMatchObject({ isMade: false });
    expect(await elsewhere.log.heads()).toEqual([]);
    expect(replica.instance.catalog.troubles()).toHaveLength(2);
  });
});

import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { describe, expect, it } from 'vitest';
import { CHANGE_LOG_SCHEMA, openSqliteChangeLog } from '../../src/adapters/sqlite/sqlite-change-log.ts';
import { compareHistory, copyHistory, proveCopy } from '../../src/app/migrate-history.ts';
import { shapeProblem } from '../../src/app/stored-object.ts';
import { verifyHistory } from '../../src/app/verify-history.ts';
import type { Change } from '../../src/core/change.ts';
import { changeText } from '../../src/core/change-text.ts';
import type { ChangeLog } from '../../src/ports/change-log.ts';
import { chain, changeAfter } from '../contract/samples.ts';
import { temporaryDirectory } from '../contract/sqlite-stores.ts';
import { EVERY_KIND, historyOfEveryKind } from '../support/every-kind.ts';

/** Two logs in files, of which the first holds these changes. */
async function twoLogs(changes: readonly Change[]) {
  const [here, there] = [await temporaryDirectory(), await temporaryDirectory()];
  const from = await openSqliteChangeLog(here.path);
  const to = await openSqliteChangeLog(there.path);
  await appendAll(from, changes);
  return {
    ...{ from, to, path: here.path },
    async [Symbol.asyncDispose]() {
      for (const each of [from, to, here, there]) await each[Symbol.asyncDispose]();
    },
  };
}

async function appendAll(log: ChangeLog, changes: readonly Change[]): Promise<void> {
  for (const change of changes) expect(await log.append(change)).toEqual({ kind: 'appended' });
}

async function textsIn(log: ChangeLog, project: string): Promise<string[]> {
  return (await log.read(project, 0, 1e6)).map(changeText);
}

async function migrate(from: ChangeLog, to: ChangeLog, project: string) {
  const comparison = await compareHistory(from, to, project);
  await copyHistory(from, to, comparison);
  return { comparison, proof: await proveCopy(from, to, comparison) };
}

describe('a history', () => {
  it('has every kind of object, in shapes that this build understands', () => {
    expect(new Set(EVERY_KIND.map(({ kind }) => kind)).size).toBe(7);
    expect(EVERY_KIND.map(shapeProblem)).toEqual(EVERY_KIND.map(() => undefined));
  });

  it('arrives with every byte, and can be verified and asked like the original', async () => {
    const changes = historyOfEveryKind('shop');
    await using logs = await twoLogs(changes);
    const { comparison, proof } = await migrate(logs.from, logs.to, 'shop');
    expect(comparison).toMatchObject({ project: 'shop', present: 0, head: { revision: changes.length } });
    expect(proof).toEqual({ objects: EVERY_KIND.length - 2 });
    expect(await textsIn(logs.to, 'shop')).toEqual(changes.map(changeText));
    expect(await logs.to.heads()).toEqual(await logs.from.heads());
    expect(await verifyHistory(logs.to, 'shop', [])).toEqual({ revisionsChecked: changes.length });
    for (const change of changes)
      expect(await logs.to.byIdempotencyKey('shop', change.idempotencyKey)).toEqual(change);
  });

  it('is gone on with where it was interrupted', async () => {
    const changes = chain('shop', 250);
    await using logs = await twoLogs(changes);
    const stop = new AbortController();
    const stopping: ChangeLog = {
      ...logs.to,
      append: async (change) => {
        if (change.revision === 120) stop.abort();
        return await logs.to.append(change);
      },
    };
    const first = await compareHistory(logs.from, stopping, 'shop');
    await expect(copyHistory(logs.from, stopping, first, { signal: stop.signal })).rejects.toMatchObject({
      kind: 'cancelled',
    });
    expect((await logs.to.head('shop'))?.revision).toBe(120);
    await expect(proveCopy(logs.from, logs.to, first)).rejects.toMatchObject({ kind: 'failed_precondition' });
    const { comparison } = await migrate(logs.from, logs.to, 'shop');
    expect(comparison.present).toBe(120);
    expect(await textsIn(logs.to, 'shop')).toEqual(changes.map(changeText));
  });

  it('arrives once when it is not known whether an append was done', async () => {
    const changes = chain('shop', 5);
    await using logs = await twoLogs(changes);
    const repeating: ChangeLog = {
      ...logs.to,
      append: async (change) => {
        await logs.to.append(change);
        return await logs.to.append(change);
      },
    };
    await migrate(logs.from, repeating, 'shop');
    expect(await textsIn(logs.to, 'shop')).toEqual(changes.map(changeText));
  });

  it('is there already when it is copied a second time', async () => {
    await using logs = await twoLogs(chain('shop', 3));
    await migrate(logs.from, logs.to, 'shop');
    const { comparison } = await migrate(logs.from, logs.to, 'shop');
    expect(comparison).toMatchObject({ present: 3, head: { revision: 3 } });
  });

  it('is nowhere if there is no such project', async () => {
    await using logs = await twoLogs([]);
    await expect(compareHistory(logs.from, logs.to, 'shop')).rejects.toMatchObject({ kind: 'not_found' });
  });
});

describe('another history', () => {
  const changes = chain('shop', 4);

  it.each([
    ['from its first change on', chain('shop', 2, () => ({ actor: 'key:other' })), 1],
    ['from some change on', [...changes.slice(0, 2), ...chainAfter(changes[1], 2)], 3],
  ])('is not written over: %s', async (_where, theirs, revision) => {
    await using logs = await twoLogs(changes);
    await appendAll(logs.to, theirs);
    await expect(compareHistory(logs.from, logs.to, 'shop')).rejects.toMatchObject({
      kind: 'conflict',
      message: expect.stringContaining(`another history where it is to go, from revision ${revision} on`),
    });
    expect(await textsIn(logs.to, 'shop')).toEqual(theirs.map(changeText));
  });

  it('is not what a longer one is, but that is not copied over either', async () => {
    await using logs = await twoLogs(changes.slice(0, 3));
    await appendAll(logs.to, changes);
    await expect(compareHistory(logs.from, logs.to, 'shop')).rejects.toMatchObject({
      kind: 'conflict',
      message: expect.stringContaining('it was written there since'),
    });
  });

  it('that comes up while copying ends it', async () => {
    await using logs = await twoLogs(changes);
    const comparison = await compareHistory(logs.from, logs.to, 'shop');
    await appendAll(
      logs.to,
      chain('shop', 1, () => ({ actor: 'key:faster' })),
    );
    await expect(copyHistory(logs.from, logs.to, comparison)).rejects.toMatchObject({ kind: 'conflict' });
  });

  it('is what comes of writing to the original meanwhile', async () => {
    await using logs = await twoLogs(changes);
    const comparison = await compareHistory(logs.from, logs.to, 'shop');
    await appendAll(logs.from, [changeAfter('shop', changes.at(-1))]);
    await copyHistory(logs.from, logs.to, comparison);
    expect((await logs.to.head('shop'))?.revision).toBe(4);
    await expect(proveCopy(logs.from, logs.to, comparison)).rejects.toMatchObject({
      kind: 'conflict',
      message: expect.stringContaining('was written while it was copied'),
    });
  });
});

describe('a history that somebody has touched', () => {
  it.each([
    ['a changed word', "UPDATE changes SET body = replace(body, 'key:test', 'key:evil') WHERE revision = 3"],
    ['a change that is gone', 'DELETE FROM changes WHERE revision = 3'],
    ['a change that is none', "UPDATE changes SET body = '{' WHERE revision = 3"],
  ])('is refused before anything is copied: %s', async (_what, damage) => {
    await using logs = await twoLogs(chain('shop', 5));
    {
      using raw = new DatabaseSync(join(logs.path, CHANGE_LOG_SCHEMA.file));
      raw.exec(damage);
    }
    await expect(compareHistory(logs.from, logs.to, 'shop')).rejects.toThrow(/ at revision 3/);
    expect(await logs.to.heads()).toEqual([]);
  });
});

function chainAfter(last: Change | undefined, count: number): Change[] {
  const changes: Change[] = [];
  for (let number = 0; number < count; number++)
    changes.push(changeAfter('shop', changes.at(-1) ?? last, { actor: 'key:other' }));
  return changes;
}

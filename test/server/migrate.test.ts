import { existsSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { describe, expect, it } from 'vitest';
import { createMongoChangeLog } from '../../src/adapters/mongo/mongo-change-log.ts';
import { openMongo } from '../../src/adapters/mongo/open-mongo.ts';
import { lockDirectory } from '../../src/adapters/sqlite/directory-lock.ts';
import { CHANGE_LOG_SCHEMA, openSqliteChangeLog } from '../../src/adapters/sqlite/sqlite-change-log.ts';
import type { Change } from '../../src/core/change.ts';
import { changeText } from '../../src/core/change-text.ts';
import type { ChangeLog } from '../../src/ports/change-log.ts';
import { type MigrateOptions, migrate, type Place } from '../../src/server/migrate.ts';
import { chain } from '../contract/samples.ts';
import { temporaryDirectory } from '../contract/sqlite-stores.ts';
import { historyOfEveryKind } from '../support/every-kind.ts';
import { mongoServerOrSkip, openTestDatabase } from '../support/mongo-server.ts';

const uri = await mongoServerOrSkip();
const SYSTEM = chain('_system', 2, (revision) => ({ action: 'key.create', actor: `key:${revision}` }));
const SHOP = historyOfEveryKind('shop', 120);
const LONG = chain('long', 250);

const PEPPER = 'p'.repeat(32);

type Move = Pick<MigrateOptions, 'from' | 'to'> & Partial<MigrateOptions>;

function move(options: Move) {
  return migrate({ dryRun: false, env: { VEXIL_KEY_PEPPER: PEPPER }, ...options });
}

async function fill(log: ChangeLog, ...histories: (readonly Change[])[]): Promise<void> {
  for (const change of histories.flat()) expect(await log.append(change)).toEqual({ kind: 'appended' });
}

async function fillDirectory(path: string, ...histories: (readonly Change[])[]): Promise<void> {
  await using log = await openSqliteChangeLog(path);
  await fill(log, ...histories);
}

/** All that SQLite has of the log, as it lies there. */
function rowsIn(path: string): unknown[] {
  using raw = new DatabaseSync(join(path, CHANGE_LOG_SCHEMA.file));
  return raw.prepare('SELECT * FROM changes ORDER BY project, revision').all();
}

/** A data directory with these histories, a database, and a second directory that is not there yet. */
async function places(...histories: (readonly Change[])[]) {
  const directory = await temporaryDirectory();
  const database = openTestDatabase(uri ?? '');
  const [first, second] = [join(directory.path, 'first'), join(directory.path, 'second')];
  if (histories.length > 0) await fillDirectory(first, ...histories);
  const mongo = openMongo({ uri: database.uri, database: database.name });
  const log = createMongoChangeLog(mongo);
  return {
    ...{ first, second, log },
    embedded: { kind: 'data-dir', path: first } satisfies Place,
    restored: { kind: 'data-dir', path: second } satisfies Place,
    mongodb: { kind: 'mongodb', uri: database.uri, database: database.name } satisfies Place,
    documents: () => database.client.db(database.name).collection('changes').countDocuments(),
    async [Symbol.asyncDispose]() {
      await log[Symbol.asyncDispose]();
      await mongo[Symbol.asyncDispose]();
      await database[Symbol.asyncDispose]();
      await directory[Symbol.asyncDispose]();
    },
  };
}

describe.skipIf(uri === undefined)('migration', () => {
  it('takes all projects and the instance to MongoDB and back, to the last byte', async () => {
    await using at = await places(SYSTEM, SHOP, LONG);
    const said: unknown[] = [];
    const there = await move({
      ...{ from: at.embedded, to: at.mongodb },
      copied: (...progress) => said.push(progress),
    });
    expect(there.map(({ project, present, head }) => [project, present, head.revision])).toEqual([
      ['_system', 0, SYSTEM.length],
      ['long', 0, LONG.length],
      ['shop', 0, SHOP.length],
    ]);
    expect(there.map(({ objects }) => objects)).toEqual([1, 1, 6]);
    expect(said).toContainEqual(['long', 200, 250]);
    expect(await at.log.heads()).toEqual(there.map(({ head }) => head));
    expect((await at.log.read('shop', 0, 1_000)).map(changeText)).toEqual(SHOP.map(changeText));

    const back = await move({ from: at.mongodb, to: at.restored });
    expect(back).toEqual(there);
    expect(rowsIn(at.second)).toEqual(rowsIn(at.first));
  });

  it('takes one project alone, if it is asked for one', async () => {
    await using at = await places(SYSTEM, SHOP, LONG);
    await move({ from: at.embedded, to: at.mongodb, project: 'shop' });
    expect((await at.log.heads()).map(({ project }) => project)).toEqual(['shop']);
    await expect(move({ from: at.embedded, to: at.mongodb, project: 'shoe' })).rejects.toMatchObject({
      kind: 'not_found',
    });
  });

  it('makes nothing and copies nothing in a dry run', async () => {
    await using at = await places(SHOP);
    const looked = await move({ from: at.embedded, to: at.mongodb, dryRun: true });
    expect(looked).toEqual([
      { project: 'shop', present: 0, head: expect.objectContaining({ project: 'shop' }) },
    ]);
    expect(await at.documents()).toBe(0);
    await move({ from: at.embedded, to: at.mongodb });
    await move({ from: at.mongodb, to: at.restored, dryRun: true });
    expect(existsSync(at.second)).toBe(false);
  });

  it('is gone on with after it was stopped between two changes', async () => {
    await using at = await places(SYSTEM, LONG);
    const stop = new AbortController();
    const options = { from: at.embedded, to: at.mongodb };
    const copied = () => stop.abort();
    await expect(
      move({ ...options, signal: stop.signal, copied: (project) => project === 'long' && copied() }),
    ).rejects.toMatchObject({ kind: 'cancelled' });
    expect((await at.log.head('long'))?.revision).toBe(100);
    const done = await move(options);
    expect(done.map(({ project, present }) => [project, present])).toEqual([
      ['_system', 2],
      ['long', 100],
    ]);
    expect((await at.log.read('long', 99, 1_000)).map(changeText)).toEqual(LONG.slice(99).map(changeText));
  });

  it('copies nothing at all if one project has another history there', async () => {
    await using at = await places(SYSTEM, SHOP);
    await fill(at.log, chain('shop', 1));
    await expect(move({ from: at.embedded, to: at.mongodb })).rejects.toMatchObject({
      kind: 'conflict',
    });
    expect(await at.documents()).toBe(1);
  });

  it('copies nothing at all if one project was tampered with', async () => {
    await using at = await places(SYSTEM, SHOP);
    {
      using raw = new DatabaseSync(join(at.first, CHANGE_LOG_SCHEMA.file));
      raw.exec("UPDATE changes SET body = replace(body, 'key:test', 'key:evil') WHERE revision = 5");
    }
    await expect(move({ from: at.embedded, to: at.mongodb })).rejects.toThrow(
      'the history of project shop is broken at revision 5: its content does not match its hash',
    );
    expect(await at.documents()).toBe(0);
  });

  it('binds the database to the pepper that the keys were hashed with', async () => {
    await using at = await places(SYSTEM, SHOP);
    const options = { from: at.embedded, to: at.mongodb };
    const unknown = 'give the VEXIL_KEY_PEPPER of before';
    await expect(move({ ...options, env: {} })).rejects.toThrow(unknown);
    expect(await at.documents()).toBe(0);
    writeFileSync(join(at.first, 'pepper'), `${PEPPER}\n`);
    await move({ ...options, env: {} });
    const other = { VEXIL_KEY_PEPPER: 'o'.repeat(32) };
    await expect(move({ ...options, env: other })).rejects.toThrow('have another VEXIL_KEY_PEPPER');
    await move({ ...options, env: { VEXIL_KEY_PEPPER_FILE: join(at.first, 'pepper') } });
    await move({ ...options, env: other, project: 'shop' });
  });

  it('refuses a data directory that a server runs on, in both directions', async () => {
    await using at = await places(SHOP);
    {
      using _server = await lockDirectory(at.first, { as: 'vexil serve' });
      await expect(move({ from: at.embedded, to: at.mongodb })).rejects.toThrow(
        `in use by process ${process.pid} (vexil serve`,
      );
    }
    await move({ from: at.embedded, to: at.mongodb });
    // A replica of a fleet has a directory, and no log in it.
    using _server = await lockDirectory(at.second, { as: 'vexil serve' });
    await expect(move({ from: at.mongodb, to: at.restored })).rejects.toMatchObject({
      kind: 'failed_precondition',
    });
  });

  it('refuses a log that somebody else reads, and keeps servers out meanwhile', async () => {
    await using at = await places(SHOP);
    {
      await using _reader = await openSqliteChangeLog(at.first);
      await expect(move({ from: at.embedded, to: at.mongodb })).rejects.toThrow(
        `changes.db in ${at.first} is in use by another process: stop that first`,
      );
    }
    let start: Promise<unknown> | undefined;
    const copied = () => {
      start ??= lockDirectory(at.first, { as: 'vexil serve', patienceMs: 0 }).catch(String);
    };
    await move({ from: at.embedded, to: at.mongodb, copied });
    expect(await start).toContain(`in use by process ${process.pid} (vexil migrate`);
  });

  it('is no success if somebody makes a project meanwhile', async () => {
    await using at = await places();
    await fill(at.log, LONG);
    let made: Promise<void> | undefined;
    const copied = () => {
      made ??= fill(at.log, chain('new', 1));
    };
    await expect(move({ from: at.mongodb, to: at.restored, copied })).rejects.toMatchObject({
      kind: 'conflict',
      message: expect.stringContaining('was made meanwhile'),
    });
    await made;
  });

  it('does not make the place that it is to come from', async () => {
    await using at = await places();
    await expect(move({ from: at.embedded, to: at.mongodb })).rejects.toMatchObject({
      kind: 'not_found',
    });
    expect(existsSync(at.first)).toBe(false);
    await expect(move({ from: at.mongodb, to: at.restored })).rejects.toMatchObject({
      kind: 'not_found',
    });
  });
});

import { existsSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { describe, expect, it } from 'vitest';
import { openDatabase, type Schema } from '../../src/adapters/sqlite/open-database.ts';
import { translated } from '../../src/adapters/sqlite/sqlite-errors.ts';
import { temporaryDirectory } from '../contract/sqlite-stores.ts';

const FIRST: Schema = {
  file: 'test.db',
  synchronous: 'FULL',
  migrations: ['CREATE TABLE things (name TEXT PRIMARY KEY) STRICT'],
};
const SECOND: Schema = {
  ...FIRST,
  migrations: [...FIRST.migrations, 'ALTER TABLE things ADD COLUMN size INTEGER NOT NULL DEFAULT 7'],
};

function thrownBy(work: () => void): unknown {
  try {
    work();
  } catch (error) {
    return error;
  }
  throw new Error('nothing was thrown');
}

describe('openDatabase', () => {
  it('makes the directory and the file for this user only', async () => {
    await using directory = await temporaryDirectory();
    const path = join(directory.path, 'a', 'b');
    using _database = await openDatabase(path, FIRST);
    expect(statSync(path).mode & 0o777).toBe(0o700);
    for (const file of ['test.db', 'test.db-wal', 'test.db-shm'])
      expect(statSync(join(path, file)).mode & 0o777).toBe(0o600);
  });

  it('writes ahead, and syncs as the schema says', async () => {
    await using directory = await temporaryDirectory();
    using full = await openDatabase(directory.path, FIRST);
    using normal = await openDatabase(directory.path, { ...FIRST, synchronous: 'NORMAL' });
    expect(full.prepare('PRAGMA journal_mode').get()).toEqual({ journal_mode: 'wal' });
    expect(full.prepare('PRAGMA synchronous').get()).toEqual({ synchronous: 2 });
    expect(normal.prepare('PRAGMA synchronous').get()).toEqual({ synchronous: 1 });
    expect(full.prepare('PRAGMA foreign_keys').get()).toEqual({ foreign_keys: 1 });
  });

  it('keeps others out of a file that is to be exclusive, and stays out itself while others are in', async () => {
    await using directory = await temporaryDirectory();
    const patience = { busyPatienceMs: 0 };
    const exclusive = { ...patience, exclusive: true };
    const busy = { kind: 'unavailable', details: { reason: 'STORE_BUSY' } };
    {
      using _other = await openDatabase(directory.path, FIRST);
      await expect(openDatabase(directory.path, FIRST, exclusive)).rejects.toMatchObject(busy);
    }
    {
      using database = await openDatabase(directory.path, FIRST, exclusive);
      await database.write(() => database.execute("INSERT INTO things VALUES ('a')"));
      await expect(openDatabase(directory.path, FIRST, patience)).rejects.toMatchObject(busy);
      await expect(openDatabase(directory.path, FIRST, exclusive)).rejects.toMatchObject(busy);
    }
    using after = await openDatabase(directory.path, FIRST, patience);
    expect(after.prepare('SELECT * FROM things').all()).toEqual([{ name: 'a' }]);
  });

  it('brings an older file up to date and keeps what is in it', async () => {
    await using directory = await temporaryDirectory();
    {
      using old = await openDatabase(directory.path, FIRST);
      await old.write(() => old.execute("INSERT INTO things VALUES ('a')"));
    }
    for (let opening = 0; opening < 2; opening++) {
      using database = await openDatabase(directory.path, SECOND);
      expect(database.prepare('SELECT * FROM things').all()).toEqual([{ name: 'a', size: 7 }]);
      expect(database.prepare('PRAGMA user_version').get()).toEqual({ user_version: 2 });
    }
  });

  it('refuses a file that a newer version has written, and leaves it alone', async () => {
    await using directory = await temporaryDirectory();
    (await openDatabase(directory.path, SECOND))[Symbol.dispose]();
    await expect(openDatabase(directory.path, FIRST)).rejects.toMatchObject({
      name: 'FlagError',
      kind: 'failed_precondition',
      message: expect.stringContaining('schema version 2'),
      details: { reason: 'SCHEMA_TOO_NEW' },
    });
    using database = await openDatabase(directory.path, SECOND);
    expect(database.prepare('PRAGMA user_version').get()).toEqual({ user_version: 2 });
  });

  it('undoes a migration that fails half-way', async () => {
    await using directory = await temporaryDirectory();
    (await openDatabase(directory.path, FIRST))[Symbol.dispose]();
    const wrong = 'CREATE TABLE half (a TEXT); CREATE TABLE things (a TEXT)';
    const broken = { ...FIRST, migrations: [...FIRST.migrations, wrong] };
    await expect(openDatabase(directory.path, broken)).rejects.toMatchObject({ kind: 'unavailable' });
    using database = await openDatabase(directory.path, SECOND);
    expect(database.prepare("SELECT name FROM sqlite_schema WHERE name = 'half'").all()).toEqual([]);
  });

  it('lets many open a new file at once', async () => {
    await using directory = await temporaryDirectory();
    const opened = await Promise.all(Array.from({ length: 8 }, () => openDatabase(directory.path, SECOND)));
    for (const [index, database] of opened.entries())
      await database.write(() => database.execute(`INSERT INTO things VALUES ('${index}', 1)`));
    expect(opened[0]?.prepare('SELECT * FROM things').all()).toHaveLength(8);
    for (const database of opened) database[Symbol.dispose]();
  });

  it('is unavailable where it cannot make a directory', async () => {
    await using directory = await temporaryDirectory();
    writeFileSync(join(directory.path, 'file'), '');
    const inFile = join(directory.path, 'file', 'data');
    await expect(openDatabase(inFile, FIRST)).rejects.toMatchObject({ kind: 'unavailable' });
    expect(existsSync(inFile)).toBe(false);
  });

  it('says that a file which is no database is damaged', async () => {
    await using directory = await temporaryDirectory();
    writeFileSync(join(directory.path, 'test.db'), 'nothing like a database '.repeat(500));
    await expect(openDatabase(directory.path, FIRST)).rejects.toMatchObject({
      kind: 'unavailable',
      details: { reason: 'STORE_DAMAGED' },
    });
  });
});

describe('Database', () => {
  it('waits for the lock of another process, letting the event loop run', async () => {
    await using directory = await temporaryDirectory();
    using database = await openDatabase(directory.path, FIRST);
    using other = new DatabaseSync(join(directory.path, 'test.db'));
    other.exec('BEGIN IMMEDIATE');
    setTimeout(() => other.exec('COMMIT'), 30);
    await database.write(() => database.execute("INSERT INTO things VALUES ('late')"));
    expect(database.prepare('SELECT * FROM things').all()).toEqual([{ name: 'late' }]);
  });

  it('is unavailable when another process keeps its lock, reads as ever, and recovers', async () => {
    await using directory = await temporaryDirectory();
    using database = await openDatabase(directory.path, FIRST, { busyPatienceMs: 40 });
    using other = new DatabaseSync(join(directory.path, 'test.db'));
    const insert = () => database.write(() => database.execute("INSERT INTO things VALUES ('a')"));
    other.exec('BEGIN IMMEDIATE');
    await expect(insert()).rejects.toMatchObject({ kind: 'unavailable', details: { reason: 'STORE_BUSY' } });
    expect(await database.read(() => database.prepare('SELECT * FROM things').all())).toEqual([]);
    other.exec('COMMIT');
    await insert();
    expect(database.prepare('SELECT * FROM things').all()).toEqual([{ name: 'a' }]);
  });

  it('undoes a transaction whose work throws, and throws the same', async () => {
    await using directory = await temporaryDirectory();
    using database = await openDatabase(directory.path, FIRST);
    const mistake = new Error('a mistake of the caller');
    const work = () => {
      database.execute("INSERT INTO things VALUES ('a')");
      throw mistake;
    };
    await expect(database.write(work)).rejects.toBe(mistake);
    expect(database.prepare('SELECT * FROM things').all()).toEqual([]);
    function* steps(): Generator<void, void> {
      database.execute("INSERT INTO things VALUES ('a')");
      yield;
      throw mistake;
    }
    await expect(database.inTurns('BEGIN IMMEDIATE', steps)).rejects.toBe(mistake);
    expect(database.prepare('SELECT * FROM things').all()).toEqual([]);
  });

  it('lets the event loop run between the steps of a long transaction', async () => {
    await using directory = await temporaryDirectory();
    using database = await openDatabase(directory.path, FIRST);
    const order: string[] = [];
    setImmediate(() => order.push('other work'));
    function* steps(): Generator<void, string> {
      order.push('first step');
      yield;
      order.push('second step');
      return 'result';
    }
    expect(await database.inTurns('BEGIN', steps)).toBe('result');
    expect(order).toEqual(['first step', 'other work', 'second step']);
  });
});

describe('translated', () => {
  it('calls a full store exhausted, without words of SQLite', () => {
    using raw = new DatabaseSync(':memory:');
    raw.exec('CREATE TABLE t (x); PRAGMA max_page_count = 2');
    const error = translated(thrownBy(() => raw.exec('INSERT INTO t VALUES (zeroblob(100000))')));
    expect(error).toMatchObject({
      kind: 'exhausted',
      message: 'the store has no space left',
      details: { reason: 'STORE_FULL' },
    });
  });

  it('calls any other failure of SQLite unavailable', () => {
    using raw = new DatabaseSync(':memory:');
    const error = translated(thrownBy(() => raw.exec('SELECT * FROM nowhere')));
    expect(error).toMatchObject({ kind: 'unavailable', message: 'the store failed' });
  });

  it('leaves what is not of SQLite as it is', () => {
    const error = new RangeError('x');
    expect(translated(error)).toBe(error);
    expect(translated('x')).toBe('x');
  });
});

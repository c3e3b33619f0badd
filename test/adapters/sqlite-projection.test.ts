import { readFile, rm, truncate, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { describe, expect, it } from 'vitest';
import { openSqliteProjection, PROJECTION_SCHEMA } from '../../src/adapters/sqlite/sqlite-projection.ts';
import type { Operation } from '../../src/core/change.ts';
import { flagObject } from '../contract/samples.ts';
import { temporaryDirectory } from '../contract/sqlite-stores.ts';

const START = { revision: 0, hash: '' };
const FIRST = { revision: 1, hash: 'hash-1' };
const SECOND = { revision: 2, hash: 'hash-2' };

const puts = (...keys: string[]): Operation[] => keys.map((key) => ({ op: 'put', object: flagObject(key) }));

describe('the SQLite projection', () => {
  it.each([
    ['an object was changed', "UPDATE objects SET body = replace(body, 'true', 'false') WHERE key = 'a'"],
    ['an object is no JSON', "UPDATE objects SET body = '{' WHERE key = 'a'"],
    ['a version was changed', "UPDATE objects SET version = 2 WHERE key = 'a'"],
    ['a key was changed', "UPDATE objects SET key = 'A' WHERE key = 'a'"],
    ['an object is gone', "DELETE FROM objects WHERE key = 'a'"],
    [
      'an object was added',
      "INSERT INTO objects SELECT project, kind, environment, 'c', version, body FROM objects WHERE key = 'a'",
    ],
    ['the checksum was changed', 'UPDATE projections SET checksum = hex(zeroblob(32))'],
    ['its revision was changed', 'UPDATE projections SET revision = 2'],
    ['its hash was changed', "UPDATE projections SET hash = 'hash-2'"],
    ['its note was changed', "UPDATE projections SET note = 'another'"],
  ])('has no state to load when %s', async (_case, sql) => {
    await using directory = await temporaryDirectory();
    await using projection = await openSqliteProjection(directory.path);
    await projection.apply('shop', START, FIRST, puts('a', 'b'));
    expect(await projection.load('shop')).toBeDefined();
    using raw = new DatabaseSync(join(directory.path, PROJECTION_SCHEMA.file));
    expect(raw.prepare(sql).run().changes).toBe(1);
    expect(await projection.load('shop')).toBeUndefined();
    expect(await projection.at('shop')).toBeUndefined();
    expect(await projection.apply('shop', FIRST, SECOND, puts('d'))).toBe(false);
    expect(await projection.apply('shop', START, FIRST, puts('d'))).toBe(true);
    expect((await projection.load('shop'))?.objects).toHaveLength(1);
  });

  it('never takes the state of one project for that of another', async () => {
    await using directory = await temporaryDirectory();
    await using projection = await openSqliteProjection(directory.path);
    await projection.apply('shop', START, FIRST, puts('a'));
    using raw = new DatabaseSync(join(directory.path, PROJECTION_SCHEMA.file));
    for (const table of ['projections', 'objects']) raw.exec(`UPDATE ${table} SET project = 'bank'`);
    expect(await projection.load('bank')).toBeUndefined();
    expect(await projection.load('shop')).toBeUndefined();
  });

  it('keeps the note of the position that it stands at', async () => {
    await using directory = await temporaryDirectory();
    await using projection = await openSqliteProjection(directory.path);
    await projection.apply('shop', START, { ...FIRST, note: 'first' }, puts('a'));
    expect(await projection.load('shop')).toMatchObject({ ...FIRST, note: 'first' });
    expect(await projection.apply('shop', FIRST, { ...FIRST, note: 'again' }, [])).toBe(true);
    expect(await projection.load('shop')).toMatchObject({ ...FIRST, note: 'again' });
    await projection.apply('shop', FIRST, SECOND, []);
    expect(await projection.load('shop')).not.toHaveProperty('note');
    await projection.reset('shop', { ...FIRST, note: 'reset' }, []);
    expect(await projection.load('shop')).toEqual({ ...FIRST, note: 'reset', objects: [] });
  });

  it('changes nothing when an apply or a reset fails half-way', async () => {
    await using directory = await temporaryDirectory();
    await using projection = await openSqliteProjection(directory.path);
    await projection.apply('shop', START, FIRST, puts('a', 'b'));
    const before = await projection.load('shop');
    const impossible = flagObject('x', Number.NaN);
    await expect(
      projection.apply('shop', FIRST, SECOND, [...puts('c'), { op: 'put', object: impossible }]),
    ).rejects.toMatchObject({ kind: 'invalid' });
    expect(await projection.load('shop')).toEqual(before);
    const objects = [...Array.from({ length: 1_000 }, (_, index) => flagObject(`flag-${index}`)), impossible];
    await expect(
      projection.reset(
        'shop',
        SECOND,
        objects.map((object) => ({ object, version: 1 })),
      ),
    ).rejects.toMatchObject({ kind: 'invalid' });
    expect(await projection.load('shop')).toEqual(before);
  });

  it('lets the event loop run while it resets and loads many objects', async () => {
    await using directory = await temporaryDirectory();
    await using projection = await openSqliteProjection(directory.path);
    const objects = Array.from({ length: 3_000 }, (_, index) => ({
      object: flagObject(`flag-${index}`),
      version: 1,
    }));
    let turns = 0;
    const counting = setInterval(() => turns++, 0);
    const counted: number[] = [];
    for (const work of [
      () => projection.reset('shop', FIRST, objects),
      () => projection.load('shop'),
      () => projection.reset('shop', SECOND, []),
    ]) {
      turns = 0;
      await work();
      counted.push(turns);
    }
    clearInterval(counting);
    expect(Math.min(...counted)).toBeGreaterThan(0);
  });

  it.each<[string, (path: string) => Promise<void>]>([
    ['was emptied', (path) => truncate(path, 0)],
    ['was cut short', (path) => truncate(path, 5_000)],
    ['is no database', (path) => writeFile(path, 'this is no database, whatever its name says'.repeat(200))],
    ['has pages of zeros', async (path) => overwrite(path, 4_096, Buffer.alloc(8_192))],
  ])('is thrown away and made anew when its file %s', async (_case, harm) => {
    await using directory = await temporaryDirectory();
    const path = await filled(directory.path);
    await harm(path);
    await using projection = await openSqliteProjection(directory.path);
    expect(await projection.load('shop')).toBeUndefined();
    await projection.reset('shop', FIRST, [{ object: flagObject('a'), version: 1 }]);
    expect((await projection.load('shop'))?.objects).toHaveLength(1);
  });

  it('loads what was saved or nothing, whichever byte of its file is another', async () => {
    await using directory = await temporaryDirectory();
    const path = await filled(directory.path);
    const [sound, saved] = [await readFile(path), await loaded(directory.path)];
    expect(saved?.objects).toHaveLength(3);
    let refused = 0;
    for (let at = 0; at < sound.length; at += 97) {
      for (const suffix of ['-wal', '-shm']) await rm(path + suffix, { force: true });
      const flipped = Buffer.from(sound);
      flipped[at] = (flipped[at] ?? 0) ^ (1 << (at % 8));
      await writeFile(path, flipped);
      const found = await loaded(directory.path);
      if (found === undefined) refused++;
      else expect(found).toEqual(saved);
    }
    expect(refused).toBeGreaterThan(10);
  });

  it('goes on with a new file when the one that it has open turns out to be damaged', async () => {
    await using directory = await temporaryDirectory();
    const path = await filled(directory.path);
    await using projection = await openSqliteProjection(directory.path);
    await overwrite(path, 4_096, Buffer.alloc(sizeOfPages(3), 0xff));
    await projection.reset('shop', SECOND, [{ object: flagObject('b'), version: 2 }]);
    expect(await projection.load('shop')).toMatchObject(SECOND);
    expect(await loaded(directory.path)).toMatchObject(SECOND);
  });
});

/** A file with a state, closed; its path. */
async function filled(directory: string): Promise<string> {
  await using projection = await openSqliteProjection(directory);
  await projection.apply('shop', START, { ...FIRST, note: 'of the first' }, puts('a', 'b', 'c'));
  return join(directory, PROJECTION_SCHEMA.file);
}

async function loaded(directory: string) {
  await using projection = await openSqliteProjection(directory);
  return await projection.load('shop');
}

async function overwrite(path: string, at: number, bytes: Buffer): Promise<void> {
  const content = await readFile(path);
  bytes.copy(content, at);
  await writeFile(path, content);
}

function sizeOfPages(count: number): number {
  return count * 4_096;
}

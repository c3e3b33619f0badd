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
  ])('has no state to load when %s', async (_case, sql) => {
    await using directory = await temporaryDirectory();
    await using projection = await openSqliteProjection(directory.path);
    await projection.apply('shop', START, FIRST, puts('a', 'b'));
    expect(await projection.load('shop')).toBeDefined();
    using raw = new DatabaseSync(join(directory.path, PROJECTION_SCHEMA.file));
    expect(raw.prepare(sql).run().changes).toBe(1);
    expect(await projection.load('shop')).toBeUndefined();
    await projection.apply('shop', FIRST, SECOND, puts('d'));
    expect(await projection.load('shop')).toBeUndefined();
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
});

import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { describe, expect, it } from 'vitest';
import { CHANGE_LOG_SCHEMA, openSqliteChangeLog } from '../../src/adapters/sqlite/sqlite-change-log.ts';
import { chain } from '../contract/samples.ts';
import { temporaryDirectory } from '../contract/sqlite-stores.ts';

/** A log of five changes, and a statement run on its file. */
async function damagedLog(directory: string, sql: string) {
  const log = await openSqliteChangeLog(directory);
  for (const change of chain('shop', 5)) await log.append(change);
  using raw = new DatabaseSync(join(directory, CHANGE_LOG_SCHEMA.file));
  expect(raw.prepare(sql).run().changes).toBe(1);
  return log;
}

describe('the SQLite change log', () => {
  it.each([
    ['is no JSON', 'UPDATE changes SET body = substr(body, 1, 40) WHERE revision = 3'],
    ['is of no format', "UPDATE changes SET body = json_set(body, '$.format', 0) WHERE revision = 3"],
    ['lacks a field', "UPDATE changes SET body = json_remove(body, '$.reason') WHERE revision = 3"],
    [
      'has a field of another type',
      "UPDATE changes SET body = json_set(body, '$.hash', 1) WHERE revision = 3",
    ],
    ['is no object', "UPDATE changes SET body = 'null' WHERE revision = 3"],
    [
      'is of another project',
      "UPDATE changes SET body = json_set(body, '$.project', 'x') WHERE revision = 3",
    ],
    [
      'is of another revision',
      "UPDATE changes SET body = json_set(body, '$.revision', 4) WHERE revision = 3",
    ],
    ['is gone', 'DELETE FROM changes WHERE revision = 3'],
  ])('says which change it cannot read: one that %s', async (_case, sql) => {
    await using directory = await temporaryDirectory();
    await using log = await damagedLog(directory.path, sql);
    await expect(log.read('shop', 0, 10)).rejects.toMatchObject({
      kind: 'unavailable',
      message: 'the log of project shop is damaged at revision 3',
      details: { reason: 'LOG_DAMAGED', metadata: { project: 'shop', revision: '3' } },
    });
    expect(await log.read('shop', 3, 10)).toHaveLength(2);
    expect((await log.head('shop'))?.revision).toBe(5);
  });

  it('asks for a newer program to read a change of a newer format', async () => {
    await using directory = await temporaryDirectory();
    const sql = "UPDATE changes SET body = json_set(body, '$.format', 2) WHERE revision = 3";
    await using log = await damagedLog(directory.path, sql);
    await expect(log.read('shop', 0, 10)).rejects.toMatchObject({
      message: 'revision 3 of project shop has format 2, and this program knows 1 at most: use a newer one',
      details: { reason: 'LOG_DAMAGED', metadata: { project: 'shop', revision: '3' } },
    });
  });

  it('refuses a change that JSON cannot hold, and appends the next one', async () => {
    await using directory = await temporaryDirectory();
    await using log = await openSqliteChangeLog(directory.path);
    const [change] = chain('shop', 1);
    if (change === undefined) throw new Error('too short');
    const wrong = { ...change, revision: Number.NaN };
    await expect(log.append(wrong)).rejects.toMatchObject({ kind: 'invalid' });
    expect(await log.append(change)).toEqual({ kind: 'appended' });
  });

  it('finds the heads without looking at every change', async () => {
    await using directory = await temporaryDirectory();
    await using log = await openSqliteChangeLog(directory.path);
    using raw = new DatabaseSync(join(directory.path, CHANGE_LOG_SCHEMA.file));
    raw.exec(`WITH RECURSIVE n (n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM n WHERE n < 50000)
      INSERT INTO changes SELECT 'shop', n, 'k' || n, '', 'h' || n, '' FROM n`);
    const looking = raw.prepare('SELECT project, MAX(revision), hash FROM changes GROUP BY project');
    const fastest = { heads: Number.POSITIVE_INFINITY, looking: Number.POSITIVE_INFINITY };
    for (let round = 0; round < 7; round++) {
      const start = performance.now();
      expect(await log.heads()).toEqual([{ project: 'shop', revision: 50_000, hash: 'h50000' }]);
      const middle = performance.now();
      looking.all();
      fastest.heads = Math.min(fastest.heads, middle - start);
      fastest.looking = Math.min(fastest.looking, performance.now() - middle);
    }
    expect(fastest.heads).toBeLessThan(fastest.looking / 5);
  });
});

import { DatabaseSync } from 'node:sqlite';
import { expect, it } from 'vitest';
import { EXPOSURE_STORE_SCHEMA } from '../../src/adapters/sqlite/exposure-schema.ts';
import { openExposureTables } from '../../src/adapters/sqlite/exposure-tables.ts';
import { temporaryDirectory } from '../contract/sqlite-stores.ts';

const LETTERS = 200_000;

it('has a process whose every batch became a letter, for days', async () => {
  await using directory = await temporaryDirectory();
  await (await openExposureTables(directory.path))[Symbol.asyncDispose]();
  const database = new DatabaseSync(`${directory.path}/${EXPOSURE_STORE_SCHEMA.file}`);
  database.exec(`
    WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < ${LETTERS})
    INSERT INTO letters SELECT 'p:' || i, 'p', i, x'00', 'unreadable', 1000 + i, 5, 3 FROM n`);
  database.close();
  await using store = await openExposureTables(directory.path);
  expect(await store.ledger(10)).toMatchObject([
    {
      ...{ process: 'p', deadLettered: 3 * LETTERS, highestSequence: LETTERS, missing: [] },
      ...{ firstAt: 1_001, lastAt: 1_000 + LETTERS },
    },
  ]);
});

import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { expect, it } from 'vitest';
import { openSqliteChangeLog } from '../../../src/adapters/sqlite/sqlite-change-log.ts';
import { verifyHistory } from '../../../src/app/verify-history.ts';
import { sampleLog } from './sample-history.ts';

const TAMPERED = 4;

it('verification names the revision in which any one byte was flipped', async () => {
  const directory = await mkdtemp(join(tmpdir(), 'vexil-tamper-'));
  const log = await openSqliteChangeLog(directory);
  const raw = new DatabaseSync(join(directory, 'changes.db'));
  try {
    for (const change of sampleLog()) await log.append(change);
    expect(await verifyHistory(log, 'shop', [])).toEqual({ revisionsChecked: 6 });
    const at = `FROM changes WHERE revision = ${TAMPERED}`;
    const body = String(raw.prepare(`SELECT body ${at}`).get()?.body);
    const update = raw.prepare(`UPDATE changes SET body = ? WHERE revision = ${TAMPERED}`);
    for (let index = 0; index < body.length; index++) {
      const flipped = String.fromCharCode(body.charCodeAt(index) ^ 1);
      update.run(body.slice(0, index) + flipped + body.slice(index + 1));
      const { broken } = await verifyHistory(log, 'shop', []);
      expect([index, broken?.revision]).toEqual([index, TAMPERED]);
    }
  } finally {
    raw.close();
    await log[Symbol.asyncDispose]();
    await rm(directory, { recursive: true, force: true });
  }
});

import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import { batchStoring } from '../../src/adapters/sqlite/exposure-batches.ts';
import { EXPOSURE_STORE_SCHEMA } from '../../src/adapters/sqlite/exposure-schema.ts';
import { openSqliteExposureStore } from '../../src/adapters/sqlite/exposure-store.ts';
import { openExposureTables } from '../../src/adapters/sqlite/exposure-tables.ts';
import { openDatabase } from '../../src/adapters/sqlite/open-database.ts';
import { FlagError } from '../../src/core/errors.ts';
import {
  ALWAYS,
  batch,
  entryOf,
  evaluation,
  event,
  SHOP,
  START,
  storeAll,
  unaccounted,
} from '../contract/exposure-samples.ts';
import { temporaryDirectory } from '../contract/sqlite-stores.ts';

const SCRIPT = fileURLToPath(new URL('./store-in-sqlite-until-killed.ts', import.meta.url));
const BATCH_SIZE = 40;
const LIVES_MS = [1, 20, 45, 80, 130];

/** Runs a writer from that sequence on, kills it that long after its first word, and returns what it acknowledged. */
async function acknowledgedUntilKilled(directory: string, first: number, lifeMs: number): Promise<number[]> {
  const child = spawn(process.execPath, [SCRIPT, directory, `${first}`], {
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  let output = '';
  let complaints = '';
  child.stdout.setEncoding('utf8').on('data', (text) => {
    if (output === '') setTimeout(() => child.kill('SIGKILL'), lifeMs);
    output += text;
  });
  child.stderr.setEncoding('utf8').on('data', (text) => {
    complaints += text;
  });
  const [, signal] = await once(child, 'close');
  expect({ signal, complaints }).toEqual({ signal: 'SIGKILL', complaints: '' });
  return output.split('\n').slice(0, -1).map(Number);
}

async function filesContain(directory: string, text: string): Promise<boolean> {
  const names = await readdir(directory);
  const contents = await Promise.all(names.map((name) => readFile(join(directory, name))));
  return contents.some((content) => content.includes(text));
}

describe('the SQLite store of exposures', () => {
  it('counts every batch once, and has all that it acknowledged, whenever its writer was killed', async () => {
    await using directory = await temporaryDirectory();
    const acknowledged = new Set<number>();
    for (const lifeMs of LIVES_MS) {
      // Whoever starts again does not know what of the last ones was stored.
      const from = Math.max(1, Math.max(0, ...acknowledged) - 2);
      for (const one of await acknowledgedUntilKilled(directory.path, from, lifeMs)) acknowledged.add(one);
    }
    await using store = await openSqliteExposureStore(directory.path);
    const entry = await entryOf(store);
    expect(entry.highestSequence).toBeGreaterThanOrEqual(Math.max(...acknowledged));
    expect(entry).toMatchObject({ missing: [], stored: entry.highestSequence * BATCH_SIZE });
    expect(unaccounted(entry)).toBe(0);
    const points = await store.series(SHOP, { ...ALWAYS, step: 'day' });
    expect(points.map(({ count, estimate }) => [count, estimate])).toEqual([[entry.stored, entry.stored]]);
    const [outcome] = await store.outcomes(SHOP, { ...ALWAYS, flag: 'banner' });
    expect(outcome?.evaluations).toBe(entry.stored);
  });

  it('leaves the name of whom it erases in none of its files', async () => {
    await using directory = await temporaryDirectory();
    const name = 'somebody-who-asked-for-it';
    await using store = await openSqliteExposureStore(directory.path);
    const subjects = Array.from({ length: 300 }, (_, index) => `${index % 7 === 0 ? name : 'user'}-${index}`);
    for (const [index, subject] of subjects.entries())
      await storeAll(store, [
        batch({
          sequence: index + 1,
          evaluations: [evaluation({ subject })],
          events: [event({ subject })],
          contexts: [{ subject, attributes: { mail: subject }, seenAt: START }],
        }),
      ]);
    expect(await filesContain(directory.path, name)).toBe(true);
    await store.rows(SHOP, { ...ALWAYS, limit: 5 });
    for (const subject of subjects.filter((one) => one.startsWith(name)))
      await store.erase(SHOP, subject, START);
    expect(await filesContain(directory.path, name)).toBe(false);
    expect(await filesContain(directory.path, 'user-299')).toBe(true);
  });

  it('erases somebody of whom there is much in steps that others store between', async () => {
    await using directory = await temporaryDirectory();
    await using store = await openExposureTables(directory.path);
    const evaluations = Array.from({ length: 9_000 }, (_, index) => evaluation({ time: START + index }));
    await storeAll(store, [batch({ evaluations, events: Array.from({ length: 5_000 }, () => event()) })]);
    let isErased = false;
    const erasing = store.erase(SHOP, 'anna', START + 20_000).then((erased) => {
      isErased = true;
      return erased;
    });
    let between = 0;
    for (let sequence = 2; !isErased; sequence++) {
      await storeAll(store, [
        batch({ sequence, evaluations: [evaluation(), evaluation({ subject: 'bert' })] }),
      ]);
      between = sequence - 1;
    }
    expect(await erasing).toEqual({ evaluations: 9_000, events: 5_000, contexts: 0 });
    expect(between).toBeGreaterThan(3);
    const rows = await store.rows(SHOP, { ...ALWAYS, limit: 20_000 });
    expect(rows.filter(({ subject }) => subject === 'anna')).toEqual([]);
    expect(rows.filter(({ subject }) => subject === 'bert')).toHaveLength(between);
  });

  it('forgets names that callers made up once no row can have them, and takes them up again', async () => {
    await using directory = await temporaryDirectory();
    await using store = await openSqliteExposureStore(directory.path);
    await using other = await openSqliteExposureStore(directory.path);
    const madeUp = (sequence: number) =>
      batch({
        sequence,
        evaluations: Array.from({ length: 3_000 }, (_, index) =>
          evaluation({ ruleId: `rule-${index}`, client: `client/${index}` }),
        ),
        events: Array.from({ length: 3_000 }, (_, index) => event({ event: `event-${index}` })),
      });
    const named = () => {
      using raw = new DatabaseSync(join(directory.path, EXPOSURE_STORE_SCHEMA.file), { timeout: 5_000 });
      const count = (table: string) => raw.prepare(`SELECT COUNT(*) AS count FROM ${table}`).get()?.count;
      return ['answers', 'origins', 'event_names'].map(count);
    };
    await storeAll(store, [madeUp(1)]);
    await storeAll(other, [madeUp(2)]);
    const nothing = { minutesBefore: 0, rollupsBefore: 0 };
    await store.expire({ ...nothing, rowsBefore: START });
    expect(named()).toEqual([3_000, 3_000, 3_000]);
    await store.expire({ ...nothing, rowsBefore: Date.now() + 3 * 86_400_000 });
    expect(named()).toEqual([0, 0, 0]);
    await storeAll(other, [madeUp(3)]);
    await storeAll(store, [madeUp(4)]);
    expect(named()).toEqual([3_000, 3_000, 3_000]);
    const rows = await store.rows(SHOP, { ...ALWAYS, limit: 10_000 });
    expect(new Set(rows.map(({ ruleId, client }) => `${ruleId} ${client}`)).size).toBe(3_000);
    expect(rows).toHaveLength(6_000);
  });

  it('knows no name of a transaction that was undone when it was to be committed', async () => {
    await using directory = await temporaryDirectory();
    using database = await openDatabase(directory.path, EXPOSURE_STORE_SCHEMA);
    const store = batchStoring(database);
    const first = batch({ evaluations: [evaluation({ ruleId: 'first' })] });
    const undone = database.write(() => {
      store(first);
      throw new FlagError('exhausted', 'no space is left');
    });
    await expect(undone).rejects.toThrow('no space is left');
    await database.write(() =>
      store(batch({ sequence: 2, evaluations: [evaluation({ ruleId: 'second' })] })),
    );
    await database.write(() => store(first));
    await using reader = await openSqliteExposureStore(directory.path);
    const rows = await reader.rows(SHOP, { ...ALWAYS, limit: 10 });
    expect(rows.map(({ ruleId }) => ruleId).sort()).toEqual(['first', 'second']);
  });

  it('lets the event loop turn while it stores and looks', async () => {
    await using directory = await temporaryDirectory();
    await using store = await openSqliteExposureStore(directory.path);
    const evaluations = Array.from({ length: 20_000 }, (_, index) => evaluation({ subject: `s-${index}` }));
    let turns = 0;
    let isBusy = true;
    const turn = () => {
      turns += 1;
      if (isBusy) setImmediate(turn);
    };
    turn();
    await storeAll(store, [batch({ evaluations })]);
    await store.outcomes(SHOP, { ...ALWAYS, flag: 'banner' });
    isBusy = false;
    expect(turns).toBeGreaterThan(100);
  });

  it('rejects a file of a newer version as soon as it is opened', async () => {
    await using directory = await temporaryDirectory();
    await (await openSqliteExposureStore(directory.path))[Symbol.asyncDispose]();
    {
      using raw = new DatabaseSync(join(directory.path, EXPOSURE_STORE_SCHEMA.file));
      raw.exec('PRAGMA user_version = 99');
    }
    await expect(openSqliteExposureStore(directory.path)).rejects.toMatchObject({
      ...{ kind: 'failed_precondition', details: { reason: 'SCHEMA_TOO_NEW' } },
    });
  });

  it('shows people what was recorded in views with names and times', async () => {
    await using directory = await temporaryDirectory();
    {
      await using store = await openSqliteExposureStore(directory.path);
      await storeAll(store, [
        batch({
          evaluations: [evaluation({ time: START + 61_007, count: 3, weight: 2 })],
          events: [event({ value: 9.5, time: START + 1 })],
          contexts: [{ subject: 'anna', attributes: { plan: 'pro' }, seenAt: START }],
        }),
      ]);
    }
    using raw = new DatabaseSync(join(directory.path, EXPOSURE_STORE_SCHEMA.file), { readOnly: true });
    const all = (view: string) =>
      raw
        .prepare(`SELECT * FROM ${view}`)
        .all()
        .map((row) => ({ ...row }));
    const place = { project: 'shop', environment: 'production' };
    expect(all('flag_evaluations')).toEqual([
      {
        ...{
          time: '2026-03-02T00:01:01.007Z',
          time_ms: START + 61_007,
          ...place,
          flag: 'banner',
          flag_version: 3,
        },
        ...{
          revision: 7,
          variation: 'on',
          reason: 'SPLIT',
          error_code: '',
          rule_id: 'rule-1',
          subject: 'anna',
        },
        ...{ source: 'call', client: 'node/1.0', count: 3, weight: 2 },
      },
    ]);
    expect(all('flag_events')).toEqual([
      {
        ...{
          time: '2026-03-02T00:00:00.001Z',
          time_ms: START + 1,
          ...place,
          event: 'checkout',
          kind: 'metric',
        },
        ...{ subject: 'anna', flag: null, value: 9.5, count: 1 },
      },
    ]);
    const sum = { ...place, flag: 'banner', variation: 'on', reason: 'SPLIT', count: 3, estimate: 6 };
    expect(all('flag_minutes')).toEqual([{ at: '2026-03-02T00:01Z', at_ms: START + 60_000, ...sum }]);
    expect(all('flag_days')).toEqual([{ at: '2026-03-02T00:00Z', at_ms: START, ...sum }]);
    expect(all('flag_subjects')).toEqual([
      {
        ...{ ...place, flag: 'banner', variation: 'on', subject: 'anna' },
        ...{ first_ms: START + 61_007, last_ms: START + 61_007 },
      },
    ]);
    expect(all('last_contexts')).toEqual([
      { ...place, subject: 'anna', attributes: '{"plan":"pro"}', seen_ms: START },
    ]);
  });
});

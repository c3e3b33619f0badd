import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import { createMongoExposureStore } from '../../src/adapters/mongo/exposure-store.ts';
import { openMongo } from '../../src/adapters/mongo/open-mongo.ts';
import { createExposureModel } from '../contract/exposure-model.ts';
import { entryOf, everything, SHOP } from '../contract/exposure-samples.ts';
import { mongoServerOrSkip, openTestDatabase, type TestDatabase } from '../support/mongo-server.ts';
import { manyBatch } from './exposure-batches.ts';

const uri = await mongoServerOrSkip();

const SCRIPT = fileURLToPath(new URL('./store-until-killed.ts', import.meta.url));
const ROUNDS = Number(process.env.VEXIL_TEST_ROUNDS ?? 6);
/** The writers of a round, that store the same batches at once. */
const WRITERS = 2;
const FLAGS = ['flag-0', 'flag-1'];

/** Runs a writer, kills it once it has said so many times that a batch is stored, and returns those. */
async function storedUntilKilled(
  { uri: server, name }: TestDatabase,
  first: number,
  lives: number,
): Promise<number[]> {
  const child = spawn(process.execPath, [SCRIPT, server, name, String(first)], {
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  let output = '';
  let complaints = '';
  child.stdout.setEncoding('utf8').on('data', (text) => {
    output += text;
    if (output.split('\n').length > lives) child.kill('SIGKILL');
  });
  child.stderr.setEncoding('utf8').on('data', (text) => {
    complaints += text;
  });
  const [, signal] = await once(child, 'close');
  expect({ signal, complaints }).toEqual({ signal: 'SIGKILL', complaints: '' });
  return output.split('\n').slice(0, -1).map(Number);
}

describe.skipIf(uri === undefined)('the MongoDB store of exposures', () => {
  it('has each batch once or not at all, however often its writers are killed', {
    timeout: 240_000,
  }, async () => {
    await using database = openTestDatabase(uri ?? '');
    await using mongo = openMongo({ uri: database.uri, database: database.name });
    await using store = createMongoExposureStore(mongo);
    const acknowledged = new Set<number>();
    for (let round = 0; round < ROUNDS; round++) {
      const first = Math.max(1, ...acknowledged);
      const lives = 3 + ((round * 7) % 23);
      const writers = Array.from({ length: WRITERS }, (_, index) =>
        storedUntilKilled(database, first, lives + index),
      );
      for (const sequence of (await Promise.all(writers)).flat()) acknowledged.add(sequence);
      const { missing, highestSequence } = await entryOf(store);
      const isMissing = (sequence: number) =>
        missing.some(({ from, to }) => sequence >= from && sequence <= to);
      const all = Array.from({ length: highestSequence }, (_, index) => index + 1);
      const stored = all.filter((sequence) => !isMissing(sequence));
      expect([...acknowledged].filter((sequence) => !stored.includes(sequence))).toEqual([]);
      await using model = createExposureModel();
      for (const sequence of stored) await model.store(manyBatch(sequence));
      expect(await everything(store, SHOP, FLAGS)).toEqual(await everything(model, SHOP, FLAGS));
    }
  });
});

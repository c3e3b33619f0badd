import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import { openSqliteChangeLog } from '../../src/adapters/sqlite/sqlite-change-log.ts';
import { openSqliteProjection } from '../../src/adapters/sqlite/sqlite-projection.ts';
import { hashOf } from '../../src/app/change-hash.ts';
import type { Change } from '../../src/core/change.ts';
import type { Position } from '../../src/ports/projection.ts';
import { appliedTo, EMPTY_STATE } from '../contract/folded-state.ts';
import { expectState } from '../contract/projection-model.ts';
import { temporaryDirectory } from '../contract/sqlite-stores.ts';

const SCRIPT = fileURLToPath(new URL('./append-until-killed.ts', import.meta.url));
const ROUNDS = 20;
const LONGEST_LIFE_MS = 120;

/** The same numbers in [0, 1) every time: Lehmer's generator. */
function seeded(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state * 48_271) % 2_147_483_647;
    return state / 2_147_483_647;
  };
}

/** Runs a writer, kills it that long after its first acknowledgement, and returns all that it acknowledged. */
async function acknowledgedUntilKilled(
  directory: string,
  writer: string,
  lifeMs: number,
): Promise<Position[]> {
  const child = spawn(process.execPath, [SCRIPT, directory, writer], { stdio: ['ignore', 'pipe', 'pipe'] });
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
  const lines = output.split('\n').slice(0, -1);
  return lines.map((line) => {
    const [revision, hash = ''] = line.split(' ');
    return { revision: Number(revision), hash };
  });
}

function expectChain(changes: readonly Change[]): void {
  for (const [index, change] of changes.entries()) {
    expect(change.revision).toBe(index + 1);
    expect(change.previousHash).toBe(changes[index - 1]?.hash ?? '');
    expect(change.hash).toBe(hashOf(change));
  }
}

/** Demands that the projection stands at a revision of the log, with the objects of that revision. */
async function expectProjection(directory: string, changes: readonly Change[]): Promise<void> {
  await using projection = await openSqliteProjection(directory);
  const at = await projection.load('shop');
  expect(at).toBeDefined();
  let state = EMPTY_STATE;
  for (const change of changes.slice(0, at?.revision)) state = appliedTo(state, change, change.operations);
  await expectState(projection, 'shop', state);
}

describe('the SQLite stores', () => {
  it('keep every acknowledged change, and a whole projection, when their writers are killed', async () => {
    await using directory = await temporaryDirectory();
    const random = seeded(20_260_101);
    const acknowledged: Position[] = [];
    for (let round = 0; round < ROUNDS; round++) {
      const writers = round % 2 === 0 ? ['a'] : ['a', 'b'];
      const results = await Promise.all(
        writers.map((writer) =>
          acknowledgedUntilKilled(directory.path, `${writer}-${round}`, random() * LONGEST_LIFE_MS),
        ),
      );
      for (const result of results) expect(result.length).toBeGreaterThan(0);
      acknowledged.push(...results.flat());

      await using log = await openSqliteChangeLog(directory.path);
      const changes = await log.read('shop', 0, 1_000_000);
      expectChain(changes);
      expect(new Set(acknowledged.map(({ revision }) => revision)).size).toBe(acknowledged.length);
      for (const { revision, hash } of acknowledged) expect(changes[revision - 1]?.hash).toBe(hash);
      await expectProjection(directory.path, changes);
    }
    expect(acknowledged.length).toBeGreaterThan(ROUNDS * 5);
  }, 90_000);
});

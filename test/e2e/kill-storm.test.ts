import { setImmediate as nextTurn } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type Calls, callsOf, list, text } from '../support/calls.ts';
import { type GrpcCaller, grpcCaller } from '../support/grpc-caller.ts';
import { type ServerProcess, startServer } from '../support/server-process.ts';
import { newFlag, newProject } from './tour/tour.ts';

/** Many writers and a process that is killed again and again: what was acknowledged is there, once, and in order. */

const ROUNDS = 10;
const WRITERS = 8;
const FLAGS = ['a', 'b', 'c', 'd'];
const SEED = Number(process.env.KILL_STORM_SEED ?? 20_261_121);
const MOST_WRITES_PER_ROUND = 40;
const MOST_TURNS_BEFORE_KILL = 30;

/** One write, done again and again until it is acknowledged. Its idempotency key is also what it adds to a target. */
interface Write {
  readonly key: string;
  readonly flag: string;
}

const random = mulberry32(SEED);
/** The revision of each acknowledged write, by its key. */
const acknowledged = new Map<string, number>();
const started: Write[] = [];
const unanswered: Write[] = [];
let server: ServerProcess;
let grpc: GrpcCaller;
let calls: Calls;
let parent: string;

beforeAll(async () => {
  server = await startServer();
  connect();
  parent = await newProject(calls, 'storm');
  for (const flag of FLAGS) await newFlag(calls, parent, flag);
});
afterAll(async () => {
  grpc?.[Symbol.dispose]();
  await server?.[Symbol.asyncDispose]();
});

describe(`a storm of kills (seed ${SEED})`, () => {
  it('loses and repeats nothing that was acknowledged', async () => {
    for (let round = 0; round < ROUNDS; round++) {
      await writeUntilKilled(1 + Math.floor(random() * MOST_WRITES_PER_ROUND));
      await server.restart();
      connect();
      expect(await revisionsOfAcknowledged()).toEqual(acknowledged);
    }
    for (const write of unanswered.splice(0)) await perform(write);
    expect(unanswered).toEqual([]);
    expect(acknowledged.size).toBe(started.length);
  }, 180_000);

  it('leaves a log in which every write is exactly once', async () => {
    const keys = (await allRevisions()).map(({ idempotencyKey }) => String(idempotencyKey));
    expect(keys.filter((key) => key.startsWith('write-')).sort()).toEqual(
      started.map(({ key }) => key).sort(),
    );
  });

  it('leaves a chain that is intact', async () => {
    const [newest] = await allRevisions();
    expect(await calls.ok('HistoryService/VerifyHistory', { parent })).toEqual({
      intact: true,
      revisionsChecked: newest?.revision,
    });
  });

  it('leaves the state that the log leads to', async () => {
    const [newest] = await allRevisions();
    const revision = newest?.revision;
    const replay = await calls.ok('HistoryService/RevertToRevision', {
      ...{ parent, revision, expectedHead: revision, options: { validateOnly: true } },
    });
    expect(list(replay, 'changes')).toEqual([]);
    for (const flag of FLAGS) {
      const { settings } = await calls.ok('FlagService/GetFlagSettings', { name: settingsOf(flag) });
      const targetingKeys = started.filter((write) => write.flag === flag).map(({ key }) => key);
      const [target] = list({ targets: [], ...Object(settings) }, 'targets');
      expect([...Object(target).targetingKeys].sort()).toEqual(targetingKeys.sort());
    }
  });
});

/** Lets writers write until so many more writes are acknowledged, and a little longer; then kills the process. */
async function writeUntilKilled(writes: number): Promise<void> {
  const enough = Promise.withResolvers<void>();
  const target = acknowledged.size + writes;
  let running = true;
  const write = async (): Promise<void> => {
    while (running) {
      const isAcknowledged = await perform(unanswered.shift() ?? newWrite());
      if (acknowledged.size >= target) enough.resolve();
      if (!isAcknowledged) return;
    }
  };
  const writers = Promise.all(Array.from({ length: WRITERS }, write));
  await Promise.race([enough.promise, writers]);
  for (let turns = Math.floor(random() * MOST_TURNS_BEFORE_KILL); turns > 0; turns--) await nextTurn();
  const killed = server.kill('SIGKILL');
  await writers;
  running = false;
  expect(await killed).toEqual({ code: null, signal: 'SIGKILL' });
}

/** Whether the write was acknowledged. Rejects for any other answer than that there is no server. */
async function perform(write: Write): Promise<boolean> {
  const { key, flag } = write;
  const request = { name: settingsOf(flag), variation: 'on', targetingKeys: [key] };
  const { response, refusal } = await grpc.call(
    'FlagService/SetTarget',
    { ...request, options: { idempotencyKey: key } },
    server.adminToken,
  );
  if (refusal !== undefined) {
    expect(refusal).toMatchObject({ code: 'UNAVAILABLE' });
    unanswered.push(write);
    return false;
  }
  acknowledged.set(key, Number(text(response, 'receipt', 'revision')));
  return true;
}

function newWrite(): Write {
  const number = started.length;
  const write = { key: `write-${number}`, flag: FLAGS[number % FLAGS.length] ?? '' };
  started.push(write);
  return write;
}

async function revisionsOfAcknowledged(): Promise<Map<string, number>> {
  const revisions = await allRevisions();
  expect(revisions.map(({ revision }) => Number(revision))).toEqual(
    revisions.map((_, index) => revisions.length - index),
  );
  return new Map(
    revisions
      .toReversed()
      .map(({ idempotencyKey, revision }) => [String(idempotencyKey), Number(revision)] as const)
      .filter(([key]) => acknowledged.has(key)),
  );
}

async function allRevisions() {
  const revisions = [];
  let pageToken = '';
  do {
    const page = await calls.ok('HistoryService/ListRevisions', { parent, pageSize: 1_000, pageToken });
    revisions.push(...list(page, 'revisions'));
    pageToken = String(page.nextPageToken ?? '');
  } while (pageToken !== '');
  return revisions;
}

function connect(): void {
  grpc?.[Symbol.dispose]();
  grpc = grpcCaller(server.address);
  calls = callsOf(grpc.call, server.adminToken);
}

function settingsOf(flag: string): string {
  return `${parent}/environments/production/flags/${flag}`;
}

/** Numbers from 0 to 1 that look random and are the same for the same seed. */
function mulberry32(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}

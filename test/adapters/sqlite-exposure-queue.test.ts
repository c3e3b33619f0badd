import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import { afterEach, describe, expect, it } from 'vitest';
import { openSqliteExposureQueue } from '../../src/adapters/sqlite/exposure-queue.ts';
import { drained, idsOf, parcel, refusal, takeOne } from '../contract/exposure-queue-asking.ts';
import { temporaryDirectory } from '../contract/sqlite-stores.ts';
import { createFakeClock } from '../support/fake-clock.ts';

const MINUTE_MS = 60_000;
const SCRIPT = fileURLToPath(new URL('./publish-until-killed.ts', import.meta.url));
const ROUNDS = 8;

const open: AsyncDisposable[] = [];
afterEach(async () => {
  for (const each of open.splice(0).reverse()) await each[Symbol.asyncDispose]();
});

async function directoryOf(): Promise<string> {
  const directory = await temporaryDirectory();
  open.push(directory);
  return directory.path;
}

/** A queue whose time stands still. */
async function queueIn(path: string, clock = createFakeClock(), maxBytes = 1 << 20) {
  const queue = await openSqliteExposureQueue(path, { clock, maxBytes });
  open.push(queue);
  return { queue, clock };
}

/** Runs a publisher in that directory, kills it that long after its first acknowledgement, and returns what it was told. */
async function publishedUntilKilled(directory: string, name: string, lifeMs: number): Promise<string[]> {
  const child = spawn(process.execPath, [SCRIPT, directory, name], { stdio: ['ignore', 'pipe', 'inherit'] });
  let output = '';
  child.stdout.setEncoding('utf8').on('data', (text) => {
    if (output === '') setTimeout(() => child.kill('SIGKILL'), lifeMs);
    output += text;
  });
  const [, signal] = await once(child, 'close');
  expect(signal).toBe('SIGKILL');
  return output.split('\n').slice(0, -1);
}

describe('the SQLite exposure queue', () => {
  it('knows an id for ten minutes after it was published, and as long as it waits', async () => {
    const { queue, clock } = await queueIn(await directoryOf());
    await queue.publish(parcel('a'));
    await queue.publish(parcel('waits'));
    const [taken] = await queue.take(1, 0);
    await taken?.done();
    clock.advance(10 * MINUTE_MS - 1);
    for (const id of ['a', 'waits']) await queue.publish(parcel(id));
    expect(idsOf(await queue.take(10, 0))).toEqual(['waits']);
    clock.advance(1);
    for (const id of ['a', 'waits']) await queue.publish(parcel(id));
    expect(idsOf(await queue.take(10, 0))).toEqual(['a']);
  });

  it('leaves a parcel for a minute to whoever took it', async () => {
    const { queue, clock } = await queueIn(await directoryOf());
    await queue.publish(parcel('a'));
    await queue.take(1, 0);
    clock.advance(MINUTE_MS - 1);
    expect(await queue.take(1, 0)).toEqual([]);
    clock.advance(1);
    expect((await takeOne(queue, 0)).attempt).toBe(2);
  });

  it('heeds only whoever took a parcel last when it is given back', async () => {
    const { queue, clock } = await queueIn(await directoryOf());
    await queue.publish(parcel('a'));
    const first = await takeOne(queue, 0);
    clock.advance(MINUTE_MS);
    await takeOne(queue, 0);
    await first.again(0);
    expect(await queue.take(1, 0)).toEqual([]);
  });

  it('keeps nothing hidden when the clock is set back', async () => {
    const path = await directoryOf();
    const { queue, clock } = await queueIn(path);
    await queue.publish(parcel('taken'));
    await queue.take(1, 0);
    await queue.publish(parcel('waits'));
    clock.jump(-3_600_000);
    expect(idsOf(await queue.take(10, 0))).toEqual(['taken', 'waits']);
    expect(await queue.take(10, 0)).toEqual([]);
  });

  it('has room again for what was dealt with, in every process', async () => {
    const path = await directoryOf();
    const { queue, clock } = await queueIn(path, undefined, 10_000);
    const { queue: other } = await queueIn(path, clock, 10_000);
    const bytes = new Uint8Array(2_000);
    const publish = (index: number) =>
      refusal((index % 2 ? queue : other).publish({ id: `p${index}`, bytes }));
    const results = [];
    for (let index = 0; index < 5; index++) results.push(await publish(index));
    expect(results).toEqual([...Array(4).fill(undefined), 'exhausted']);
    for (const each of await queue.take(2, 0)) await each.done();
    expect([await publish(5), await publish(6), await publish(7)]).toEqual([
      undefined,
      undefined,
      'exhausted',
    ]);
    expect(await other.state()).toMatchObject({ waiting: 4 });
    for (const each of await drained(other, 4)) await each.refuse();
    expect(await queue.state()).toEqual({ waiting: 0, bytes: 0 });
  });

  it('keeps every acknowledged parcel, whole, when its publishers are killed', async () => {
    const path = await directoryOf();
    const acknowledged: string[] = [];
    for (let round = 0; round < ROUNDS; round++) {
      const names = round % 2 === 0 ? [`a${round}`] : [`a${round}`, `b${round}`];
      const lifeMs = (round * 37) % 90;
      const told = await Promise.all(names.map((name) => publishedUntilKilled(path, name, lifeMs)));
      for (const each of told) expect(each.length).toBeGreaterThan(0);
      acknowledged.push(...told.flat());
    }
    const { queue } = await queueIn(path, undefined, 1 << 30);
    const taken = new Set<string>();
    for (let page = await queue.take(100, 0); page.length > 0; page = await queue.take(100, 0)) {
      for (const { id, bytes, attempt } of page) {
        expect([Buffer.from(bytes).toString().slice(0, id.length), bytes.length % 1_000, attempt]).toEqual([
          id,
          0,
          1,
        ]);
        taken.add(id);
      }
    }
    expect(acknowledged.filter((id) => !taken.has(id))).toEqual([]);
    // At most what was under way when each was killed.
    expect(taken.size - acknowledged.length).toBeLessThanOrEqual(ROUNDS * 2 * 8);
  }, 60_000);
});

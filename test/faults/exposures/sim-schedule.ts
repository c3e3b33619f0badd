import { existsSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { openSqliteExposureQueue } from '../../../src/adapters/sqlite/exposure-queue.ts';
import { openExposureTables } from '../../../src/adapters/sqlite/exposure-tables.ts';
import { createRandom } from '../../attacks/random.ts';
import { refusal } from '../../contract/exposure-queue-asking.ts';
import { VirtualTime } from '../simulation/virtual-time.ts';
import { type ExposureHistory, readTables } from './exposure-history.ts';
import { PLACE, SimRecorder } from './sim-recorder.ts';
import type { SimWorld } from './sim-world.ts';
import { SimWriter } from './sim-writer.ts';

const START_MS = Date.UTC(2026, 0, 1, 10, 58);
const STEPS = 60;
const MINUTE_MS = 60_000;

/** One made-up life of two processes that record and two that write, chosen by the seed; then peace, and a look. */
export async function runExposureSchedule(seed: number): Promise<ExposureHistory> {
  const directory = await mkdtemp(join(existsSync('/dev/shm') ? '/dev/shm' : tmpdir(), 'vexil-exposures-'));
  const time = new VirtualTime(START_MS);
  const clock = time.clock();
  const queue = await openSqliteExposureQueue(directory, { clock, maxBytes: 1 << 20 });
  const store = await openExposureTables(directory);
  const weather = { queueFails: 0, storeFails: 0 };
  const world: SimWorld = { time, random: createRandom(seed), queue, store, weather };
  const parties = new Parties(world);
  try {
    for (let step = 0; step < STEPS; step++) await parties.step();
    return await parties.settle();
  } finally {
    await parties.end();
    await queue[Symbol.asyncDispose]();
    await store[Symbol.asyncDispose]();
    await rm(directory, { recursive: true, force: true });
  }
}

class Parties {
  readonly #world: SimWorld;
  readonly #recorders: SimRecorder[] = [];
  readonly #writers: SimWriter[] = [];
  readonly #gone: SimRecorder[] = [];
  readonly #planted: string[] = [];
  #names = 0;

  constructor(world: SimWorld) {
    this.#world = world;
    for (let count = 0; count < 2; count++) {
      this.#recorders.push(this.#newRecorder());
      this.#writers.push(new SimWriter(world));
    }
  }

  #newRecorder(): SimRecorder {
    return new SimRecorder(this.#world, `process-${++this.#names}`);
  }

  /** Something happens, and then some time passes. */
  async step(): Promise<void> {
    const { random, weather, time } = this.#world;
    const at = random.whole(2);
    for (const recorder of this.#recorders) recorder.work(random.whole(12));
    const happenings = [
      () => (weather.queueFails = random.pick([0, 0, 20, 60, 100])),
      () => (weather.storeFails = random.pick([0, 0, 20, 60, 100])),
      () => this.#killRecorder(at),
      () => this.#killWriter(at),
      () => this.#plant(),
    ];
    if (random.oneIn(2)) await random.pick(happenings)();
    // Now and then so long that the queue has forgotten what it knew.
    const longMs = random.oneIn(12) ? 11 * MINUTE_MS : random.pick([50, 300, 2_000, 20_000]);
    await time.runUntil(time.nowMs + longMs);
  }

  #killRecorder(at: number): void {
    const [killed] = this.#recorders.splice(at, 1, this.#newRecorder());
    if (killed === undefined) return;
    killed.kill();
    this.#gone.push(killed);
  }

  #killWriter(at: number): void {
    const [killed] = this.#writers.splice(at, 1, new SimWriter(this.#world));
    killed?.kill();
  }

  async #plant(): Promise<void> {
    const { random, queue } = this.#world;
    const id = `planted-${++this.#names}`;
    const asked = queue.publish({ id, bytes: random.bytes(random.whole(300)) });
    if ((await refusal(this.#world.time.runThrough(asked))) === undefined) this.#planted.push(id);
  }

  /** Nothing goes wrong any more: all that can be stored is stored. */
  async settle(): Promise<ExposureHistory> {
    const { time, weather, queue, store } = this.#world;
    Object.assign(weather, { queueFails: 0, storeFails: 0 });
    for (const recorder of this.#recorders) await time.runThrough(recorder.stop());
    const untilMs = time.nowMs + 10 * MINUTE_MS;
    while ((await queue.state()).waiting > 0 && time.nowMs < untilMs) await time.runUntil(time.nowMs + 1_000);
    for (const { name, noted } of this.#gone) await store.close(name, noted, time.clock().now());
    const all = [...this.#gone, ...this.#recorders];
    return {
      runs: all.map((recorder) => recorder.run()),
      acknowledged: all.flatMap(({ acknowledged }) => acknowledged),
      answered: all.reduce((sum, { answered }) => sum + answered, 0),
      unnoted: this.#gone.reduce((sum, recorder) => sum + recorder.answered - recorder.noted, 0),
      planted: this.#planted,
      mayLose: ['sampled', 'buffer_full'],
      tables: await readTables(store, PLACE, (await queue.state()).waiting),
    };
  }

  async end(): Promise<void> {
    for (const party of [...this.#recorders, ...this.#writers]) party.kill();
    await this.#world.time.settle();
  }
}

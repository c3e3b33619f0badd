import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { gzipSync } from 'node:zlib';
import { connect, nanos } from 'nats';
import { batchId, encodeBatch } from '../../../src/app/exposures/batch-text.ts';
import { HOUR_MS } from '../../../src/ports/batch-check.ts';
import { createRandom } from '../../attacks/random.ts';
import { rounds, until } from '../scenarios/scenario.ts';
import type { ExposureScenario, ExposureScene } from './exposure-scene.ts';
import { PROJECT } from './exposure-traffic.ts';

const EVERYWHERE = ['embedded', 'shared'] as const;

/** A batch of a process that never was, which is as any other: of so many evaluations of one subject each. */
function madeUp(process: string, sequence: number, units: number) {
  const hour = Math.floor(Date.now() / HOUR_MS);
  const evaluations = Array.from({ length: units }, (_, index) => ({
    ...{ time: hour * HOUR_MS, flag: 'flag-0', flagVersion: 1, revision: 1, variation: 'off' },
    ...{ reason: 'DEFAULT' as const, ruleId: '', subject: `${process}-${sequence}-${index}` },
    ...{ source: 'call' as const, client: '', count: 1, weight: 1 },
  }));
  const content = {
    ...{ process, sequence, hour, evaluations, events: [], contexts: [], losses: [] },
    ...{ place: { project: PROJECT, environment: 'production' }, acceptedSoFar: units },
  };
  return { id: batchId(process, sequence), bytes: encodeBatch(content) };
}

/** Makes the queue forget what it had: as ten minutes do. */
async function forget({ world }: ExposureScene): Promise<void> {
  if (world.nats === undefined) {
    using database = new DatabaseSync(join(world.queueIn, 'exposures-queue.db'), { timeout: 5_000 });
    database.exec('DELETE FROM settled');
    return;
  }
  const connection = await connect({ servers: world.nats.url });
  const manager = await connection.jetstreamManager();
  const { config } = await manager.streams.info(world.queueIn);
  await manager.streams.update(world.queueIn, { ...config, duplicate_window: nanos(100) });
  await new Promise((resume) => setTimeout(resume, 500));
  await connection.close();
}

async function sumOf({ world }: ExposureScene, metric: string): Promise<number> {
  let sum = 0;
  for (const writer of new Set(world.writers)) sum += await writer.metric(metric);
  return sum;
}

/** What nobody can read, by the name of what is wrong with it. */
function poison(seed: number): Readonly<Record<string, Buffer>> {
  const valid = Buffer.from(madeUp('honest', 1, 3).bytes);
  return {
    random: createRandom(seed).bytes(5_000),
    empty: Buffer.of(),
    torn: valid.subarray(0, valid.length - 7),
    renamed: valid,
    deep: Buffer.from(`${'['.repeat(100_000)}${']'.repeat(100_000)}`),
    bomb: gzipSync(Buffer.alloc(20 * 2 ** 20)),
    large: Buffer.alloc(512 * 1_024, '7'),
    number: Buffer.from('1e999'),
    prototype: Buffer.from('{"__proto__":{"format":1},"constructor":1}'),
  };
}

export const POISON: readonly ExposureScenario[] = [
  {
    name: 'F37',
    fault: 'batches come again when the queue has forgotten them, some with other bytes',
    in: EVERYWHERE,
    async play(scene, stretch) {
      const { world, traffic, strangers } = scene;
      await using _calls = traffic.call(2, 'one');
      await rounds(stretch, async (round) => {
        const process = `stranger-${round}`;
        strangers.push({ process, accepted: 4 });
        const stored = await sumOf(scene, 'vexil_exposures_stored_total');
        await world.queue.publish(madeUp(process, 1, 4));
        const isStored = async () => (await sumOf(scene, 'vexil_exposures_stored_total')) >= stored + 4;
        await until('the first one is stored', isStored);
        const settle = async () => (await world.queue.state()).waiting === 0;
        await until('it is dealt with', settle);
        const [repeated, conflicts] = ['vexil_exposures_repeated_total', 'vexil_exposures_conflicts_total'];
        const before = [await sumOf(scene, repeated ?? ''), await sumOf(scene, conflicts ?? '')];
        await forget(scene);
        await world.queue.publish(madeUp(process, 1, 4));
        await until('it is known', async () => (await sumOf(scene, repeated ?? '')) > (before[0] ?? 0));
        await until('it is dealt with', settle);
        await forget(scene);
        await world.queue.publish(madeUp(process, 1, 9));
        await until('it is an alarm', async () => (await sumOf(scene, conflicts ?? '')) > (before[1] ?? 0));
      });
    },
  },
  {
    name: 'F38',
    fault: 'batches come that nobody can read, or that would break who tries',
    in: EVERYWHERE,
    async play(scene, stretch) {
      const { world, traffic, planted } = scene;
      await using _calls = traffic.call(2, 'one');
      await rounds(stretch, async (round) => {
        const stored = await sumOf(scene, 'vexil_exposures_stored_total');
        for (const [what, bytes] of Object.entries(poison(round))) {
          const id = `poison-${round}-${what}`;
          planted.push(id);
          await world.queue.publish({ id, bytes });
        }
        const goesOn = async () => (await sumOf(scene, 'vexil_exposures_stored_total')) > stored + 30;
        await until('others are stored all the same', goesOn, 30_000);
      });
    },
  },
];

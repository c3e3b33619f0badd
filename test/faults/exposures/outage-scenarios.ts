import { connect } from 'nats';
import { refusal } from '../../contract/exposure-queue-asking.ts';
import type { NatsProcess } from '../../support/nats-server.ts';
import { demand, rounds, until } from '../scenarios/scenario.ts';
import type { ExposureScenario, ExposureScene } from './exposure-scene.ts';
import { FLAGS } from './exposure-traffic.ts';

const BUFFER_CAP_BYTES = 2 ** 20;
/** From when it is full. What a process under load varies by is some 6 MiB. */
const GROWTH_BYTES = 32 * 2 ** 20;
/** Before that, and while code is still being compiled. */
const EARLY_GROWTH_BYTES = 100 * 2 ** 20;
const SHORT_MS = 4_000;
const FULL_SHARE = 0.8;
/** Of ten thousand evaluations in each second. */
const TEN_MINUTES_WORTH = 6_000_000;
const LONGEST_MS = 180_000;
const ROOM_BYTES = 2 ** 28;

function mib(bytes: number): string {
  return (bytes / 2 ** 20).toFixed(1);
}

function natsOf({ world }: ExposureScene): NatsProcess {
  if (world.nats === undefined) throw new Error('there is no NATS');
  return world.nats;
}

async function streamsOf(scene: ExposureScene) {
  const connection = await connect({ servers: natsOf(scene).url });
  const manager = await connection.jetstreamManager();
  return { manager, [Symbol.asyncDispose]: () => connection.close() };
}

async function moreAnswered({ traffic }: ExposureScene, count: number): Promise<void> {
  const before = traffic.seen.answered;
  await until('more was answered', () => traffic.seen.answered >= before + count, 60_000);
}

/** Whoever has just connected makes the room as large as it has to be. */
async function isFull({ world, planted }: ExposureScene, setRoom: (bytes: number) => Promise<void>) {
  await setRoom(0);
  const id = `too-much-${planted.length}`;
  const refused = await refusal(world.queue.publish({ id, bytes: new Uint8Array(1_000) }));
  if (refused === undefined) planted.push(id);
  return refused === 'exhausted';
}

export const OUTAGES: readonly ExposureScenario[] = [
  {
    name: 'F34',
    fault: 'NATS is killed right after it took something, on and on',
    in: ['shared'],
    async play(scene, stretch) {
      await using _calls = scene.traffic.call(4, 'one');
      const published = () => scene.world.recorder.metric('vexil_exposures_published_total');
      await rounds(2 * stretch, async () => {
        const before = await published();
        await until('a batch was taken', async () => (await published()) > before, 60_000);
        await natsOf(scene).kill();
        await moreAnswered(scene, 30);
        await natsOf(scene).start();
      });
    },
  },
  {
    name: 'F35',
    fault: 'the stream is full, and then it or its consumer is deleted',
    in: ['shared'],
    async play(scene, stretch) {
      const { world, traffic } = scene;
      await using streams = await streamsOf(scene);
      const { manager } = streams;
      const setRoom = async (max_bytes: number) => {
        const { config, state } = await manager.streams.info(world.queueIn);
        await manager.streams.update(world.queueIn, { ...config, max_bytes: max_bytes || state.bytes + 1 });
      };
      await rounds(stretch, async () => {
        {
          await using _calls = traffic.call(4, 'one');
          await until('the stream is full', () => isFull(scene, setRoom), 30_000);
          await moreAnswered(scene, 60);
          await setRoom(ROOM_BYTES);
          await moreAnswered(scene, 30);
          const [consumer] = await manager.consumers.list(world.queueIn).next();
          await manager.consumers.delete(world.queueIn, consumer?.name ?? '');
          await moreAnswered(scene, 60);
        }
        // What a stream has is gone with it: nothing must be in it.
        const left = async () =>
          (await world.queue.state()).waiting + (await world.recorder.metric('vexil_exposures_buffer'));
        await until('nothing is on its way', async () => (await left()) === 0, 60_000);
        await manager.streams.delete(world.queueIn);
        await using _calls = traffic.call(4, 'one');
        await moreAnswered(scene, 60);
      });
    },
  },
  {
    name: 'F36',
    fault: 'NATS is away for long, under all the evaluations that there can be',
    in: ['shared'],
    async play(scene, stretch) {
      const { world, traffic, mayLose } = scene;
      for (const reason of ['sampled', 'buffer_full'] as const) mayLose.add(reason);
      const { recorder } = world;
      const accepted = () => recorder.metric('vexil_exposures_accepted_total');
      await using _some = traffic.call(2, 'one');
      // What takes minutes to drain is for long runs.
      const isLong = stretch > 1;
      await using _many = isLong ? traffic.flood(16) : traffic.call(8, 'all');
      await moreAnswered(scene, 200 * FLAGS);
      await natsOf(scene).kill();
      const [startedAt, before] = [performance.now(), await accepted()];
      const full = async () =>
        (await recorder.metric('vexil_exposures_buffer')) > FULL_SHARE * BUFFER_CAP_BYTES;
      if (isLong) await until('the buffer is full', full, 60_000);
      const [fullAt, acceptedThen] = [performance.now(), (await accepted()) - before];
      const resident = recorder.residentBytes();
      const isEnough = async () =>
        isLong && performance.now() - startedAt < LONGEST_MS
          ? (await accepted()) - before >= TEN_MINUTES_WORTH
          : performance.now() - fullAt > SHORT_MS;
      let [mostBytes, mostResident] = [0, 0];
      do {
        mostBytes = Math.max(mostBytes, await recorder.metric('vexil_exposures_buffer'));
        mostResident = Math.max(mostResident, recorder.residentBytes());
        await moreAnswered(scene, 25 * FLAGS);
      } while (!(await isEnough()));
      const growth = mostResident - resident;
      const seconds = ((performance.now() - startedAt) / 1_000).toFixed(1);
      scene.measured.push(
        `${(await accepted()) - before} accepted in ${seconds} s, full at ${acceptedThen}, ` +
          `${mostBytes} bytes buffered, ${mib(resident)} MiB resident then, and ${mib(growth)} MiB more at most`,
      );
      await natsOf(scene).start();
      demand(mostBytes <= BUFFER_CAP_BYTES, `no more than the cap is buffered (${mostBytes})`);
      demand(
        growth < (isLong ? GROWTH_BYTES : EARLY_GROWTH_BYTES),
        `memory stays as it is (it grew by ${growth})`,
      );
      demand((await world.recorder.metric('vexil_exposures_accepted_total')) > 0, 'something was accepted');
    },
  },
];

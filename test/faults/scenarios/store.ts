import { randomBytes } from 'node:crypto';
import { mintToken } from '../../../src/app/key-token.ts';
import { Refused } from '../clients/service.ts';
import { callWithin } from '../fleet/grpc-calls.ts';
import type { Scene } from '../fleet/scene.ts';
import { demand, rounds, type Scenario, SOME, until } from './scenario.ts';

const ANNA = { targetingKey: 'anna', attributes: {} };

/** As a MongoDB that stands still looks from outside: connections stay open, and nothing answers. */
const standstill: Scenario = {
  ...{ name: 'F6', fault: 'MongoDB stands still' },
  least: { ...SOME, operations: 5, resumes: 0 },
  async play(scene, stretch) {
    const forMs = Math.min(20_000, 2_500 * stretch);
    await scene.during('MongoDB stands still', async () => {
      for (const { mongo } of scene.fleet.replicas) mongo.blackhole(true);
      const asked = evaluateThroughout(scene, forMs);
      await scene.sleep(forMs);
      await asked;
      for (const service of scene.services) {
        const { stalenessMs } = await service.staleness();
        demand(stalenessMs >= forMs / 2, `${service.replica} says how stale it is (${stalenessMs} ms)`);
      }
      await strangersAreToldToComeBack(scene);
    });
    for (const { mongo } of scene.fleet.replicas) mongo.heal();
    await scene.sleep(1_500);
  },
};

/** Evaluations are answered by every replica, all the time, whatever becomes of MongoDB. */
async function evaluateThroughout({ services, sleep }: Scene, forMs: number): Promise<void> {
  const untilMs = performance.now() + forMs;
  while (performance.now() < untilMs) {
    for (const service of services) await service.evaluate('search', ANNA, 0);
    await sleep(20);
  }
}

/** A key that nobody here knows may be a new one: it is not refused as wrong. */
async function strangersAreToldToComeBack({ fleet }: Scene): Promise<void> {
  const grpc = fleet.replicas[0]?.grpc();
  if (grpc === undefined) throw new Error('the first replica is not there');
  const { token } = mintToken('server', randomBytes);
  const asked = callWithin(
    grpc,
    'EvaluationService/Evaluate',
    { flagKey: 'search' },
    { token, deadlineMs: 10_000 },
  );
  const code = await asked.then(
    () => 'OK',
    (error: unknown) => (error instanceof Refused ? error.code : String(error)),
  );
  demand(code === 'UNAVAILABLE', `an unknown key is UNAVAILABLE while MongoDB is (it was ${code})`);
}

const slow: Scenario = {
  ...{ name: 'F8', fault: 'MongoDB answers late, or byte by byte' },
  least: { operations: 4, operationsInFaults: 4, resumes: 0, evaluations: 30 },
  async play(scene, stretch) {
    await rounds(stretch, async (round) => {
      const { mongo, name } = scene.replica(round);
      await scene.during(`late answers for ${name}`, async () => {
        mongo.toClient.set({ delayMs: stretch > 1 ? 3_000 : 800, jitterMs: 200 });
        await scene.sleep(2_000);
      });
      mongo.heal();
      await scene.during(`answers byte by byte for ${name}`, async () => {
        mongo.toClient.set({ sliceBytes: 1, bytesPerSecond: 100 });
        await scene.sleep(2_000);
      });
      mongo.heal();
    });
  },
};

const cuts: Scenario = {
  ...{ name: 'F9', fault: 'connections to MongoDB are cut after any number of bytes, at random' },
  least: { ...SOME, operations: 10, resumes: 0 },
  async play(scene, stretch) {
    const { random } = scene;
    await scene.during('connections to MongoDB are cut', () =>
      rounds(40 * stretch, async (round) => {
        const { mongo } = scene.replica(round);
        const way = random.pick([mongo.toServer, mongo.toClient]);
        way.cutAfter(random.whole(1_500), random.pick(['reset', 'finish'] as const));
        await scene.sleep(60);
        mongo.heal();
      }),
    );
  },
};

/** What a replica has on its own disk is enough to serve from. */
const bothDown: Scenario = {
  ...{ name: 'F16', fault: 'a replica is restarted while MongoDB and NATS are both down', least: SOME },
  async play(scene, stretch) {
    await rounds(stretch, async (round) => {
      const replica = scene.replica(round);
      const service = scene.services.find((each) => each.replica === replica.name);
      // What was written is on disk a little later.
      await scene.sleep(2_500);
      await scene.during(`MongoDB and NATS are down, and ${replica.name} is killed`, async () => {
        await cutOff(scene);
        await replica.kill();
        await replica.start();
        await until('it serves from its disk', async () => {
          const answer = await service?.evaluate('search', ANNA, 0).catch(() => undefined);
          return (answer?.revision ?? 0) > 0;
        });
        await scene.sleep(1_000);
      });
      await scene.fleet.heal();
    });
  },
};

/** Nobody reaches either server. */
export async function cutOff({ fleet }: Scene): Promise<void> {
  await fleet.nats.kill();
  for (const { mongo } of fleet.replicas) {
    mongo.refuse(true);
    mongo.cut();
  }
}

export const STORE: readonly Scenario[] = [standstill, slow, cuts, bothDown];

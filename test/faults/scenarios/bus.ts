import { connect } from 'nats';
import type { Scene } from '../fleet/scene.ts';
import { rounds, type Scenario, SOME } from './scenario.ts';

const deaths: Scenario = {
  ...{ name: 'F11', fault: 'NATS is killed and started again, on and on', least: SOME },
  async play(scene, stretch) {
    await rounds(3 * stretch, async () => {
      await scene.during('NATS is dead', async () => {
        await scene.fleet.nats.kill();
        await scene.sleep(200 + scene.random.whole(800));
        await scene.fleet.nats.start();
      });
      await scene.sleep(scene.random.whole(2_000));
    });
  },
};

const standstill: Scenario = {
  ...{ name: 'F12', fault: 'NATS stands still, with all its connections open', least: SOME },
  async play(scene, stretch) {
    await scene.during('NATS stands still', async () => {
      scene.fleet.nats.pause();
      await scene.sleep(Math.min(30_000, 2_500 * stretch));
      scene.fleet.nats.resume();
    });
    await scene.sleep(300);
  },
};

const lossy: Scenario = {
  ...{ name: 'F13', fault: 'NATS loses, doubles and reorders messages', least: SOME },
  async play(scene, stretch) {
    await scene.during('messages are lost, doubled and reordered', async () => {
      for (const { nats } of scene.fleet.replicas)
        nats.setMessages({ dropPercent: 30, duplicatePercent: 15, reorderPercent: 25 });
      await scene.sleep(3_000 * stretch);
    });
  },
};

const forged: Scenario = {
  ...{ name: 'F14', fault: 'somebody on NATS says what is not true, and repeats what was', least: SOME },
  async play(scene, stretch) {
    await scene.during('messages are forged', () => forge(scene, 3_000 * stretch));
  },
};

async function forge(scene: Scene, forMs: number): Promise<void> {
  const { fleet, random, projectKey } = scene;
  const subject = `${fleet.natsPrefix}.changes.${projectKey}`;
  const connection = await connect({ servers: fleet.nats.url });
  const heard: Uint8Array[] = [];
  connection.subscribe(`${fleet.natsPrefix}.>`, { callback: (_, { data }) => void heard.push(data) });
  const untilMs = performance.now() + forMs;
  for (let _number = 0; performance.now() < untilMs; _number++) {
    for (const message of forgeries(scene, heard)) connection.publish(subject, message);
    // What was said once, and is true, may be said again at any time.
    if (heard.length > 0) connection.publish(subject, random.pick(heard));
    await scene.sleep(10);
  }
  await connection.close();
  if (heard.length === 0) throw new Error('nothing was heard on NATS that could be forged');
}

/** Bytes of all kinds: noise, a notice without its seal, and real ones that were altered. */
function forgeries({ random, projectKey, knowledge }: Scene, heard: readonly Uint8Array[]): Uint8Array[] {
  const revision = knowledge.head + random.pick([0, 1, 1_000]);
  const notice = Buffer.from(JSON.stringify({ project: projectKey, revision, hash: 'f'.repeat(64) }));
  const altered = heard.slice(-3).map((message) => {
    const copy = Buffer.from(message);
    if (copy.length > 0) copy.writeUInt8(random.whole(256), random.whole(copy.length));
    return copy;
  });
  return [
    random.bytes(random.whole(200)),
    notice,
    Buffer.concat([Buffer.of(1), random.bytes(32), notice]),
    ...altered,
  ];
}

export const BUS: readonly Scenario[] = [deaths, standstill, lossy, forged];

import type { Scene } from '../fleet/scene.ts';
import { FAILPOINTS, type Failpoint } from '../mutants/failpoints.ts';
import { demand, rounds, type Scenario, SOME, until } from './scenario.ts';

/** F1, F3 and F4: a replica dies at one exact place of a write. */
const AT: Readonly<Record<Failpoint, readonly [name: string, fault: string]>> = {
  'append.before': ['F1', 'a replica is killed before it appends'],
  'append.after': ['F3', 'a replica is killed after a change is in the log and before anybody is told'],
  'publish.after': ['F4', 'a replica is killed after it told the others and before it answers'],
};

const killedAt = FAILPOINTS.map((place): Scenario => {
  const [name, fault] = AT[place];
  return {
    ...{ name, fault, least: SOME },
    async play(scene, stretch) {
      await rounds(2 * stretch, async (round) => {
        const replica = scene.replica(round);
        await scene.during(`${replica.name} killed at ${place}`, async () => {
          await replica.killAt(place);
          await scene.sleep(scene.random.whole(500));
          await replica.start();
        });
        await scene.sleep(300);
      });
    },
  };
});

const beforeTheAnswer: Scenario = {
  ...{ name: 'F2', fault: 'a replica is killed while the answer of MongoDB is on its way', least: SOME },
  async play(scene, stretch) {
    await rounds(2 * stretch, async (round) => {
      const replica = scene.replica(round);
      await scene.during(`no answers for ${replica.name}, then death`, async () => {
        replica.mongo.toClient.set({ blackhole: true });
        const before = replica.mongo.toServer.arrivedBytes;
        await until('it asks something', () => replica.mongo.toServer.arrivedBytes > before + 500);
        await scene.sleep(scene.random.whole(100));
        await replica.kill();
        replica.heal();
        await replica.start();
      });
    });
  },
};

const standstill: Scenario = {
  ...{ name: 'F22', fault: 'a replica stands still for a while, and goes on', least: SOME },
  async play(scene, stretch) {
    await rounds(2, async (round) => {
      const replica = scene.replica(round);
      await scene.during(`${replica.name} stands still`, async () => {
        replica.pause();
        await scene.sleep(Math.min(60_000, 2_000 * stretch));
        replica.resume();
      });
      await scene.sleep(500);
    });
  },
};

/** Everybody who watched there comes to the others, and none of them may cost a whole snapshot. */
const storm: Scenario = {
  ...{ name: 'F26', fault: 'a replica with most of the watchers is killed', least: { ...SOME, resumes: 20 } },
  cast: { watchers: 40, writers: 4 },
  async play(scene, stretch) {
    await rounds(stretch, async (round) => {
      const replica = scene.replica(round);
      await scene.during(`${replica.name} dies, with all its watchers`, async () => {
        await replica.kill();
        await scene.sleep(1_500);
        await replica.start();
      });
      await scene.sleep(1_000);
    });
    const { watchers } = scene.recorder.history();
    const snapshots = watchers.flatMap(({ messages }) =>
      messages.filter((message, at) => {
        const opened = messages[at - 1];
        const came = opened?.kind === 'opened' && opened.from !== undefined;
        return came && message.kind === 'hello' && message.intent === 'full';
      }),
    );
    demand(snapshots.length === 0, `nobody who comes back gets everything (${snapshots.length} did)`);
  },
};

/** One after the other is stopped in an orderly way; a call that fails may be made once more, elsewhere. */
const rollingRestart: Scenario = {
  ...{ name: 'F40', fault: 'all replicas are restarted one after the other, under load', least: SOME },
  async play(scene, stretch) {
    const failed: string[] = [];
    const over = new AbortController();
    const asking = askOnAndOn(scene, failed, over.signal);
    await rounds(Math.max(3, stretch), async (round) => {
      const replica = scene.replica(round);
      await scene.during(`${replica.name} is restarted`, async () => {
        await replica.stop();
        await replica.start();
      });
      await scene.sleep(300);
    });
    over.abort();
    await asking;
    demand(failed.length === 0, `no call fails twice: ${failed.slice(0, 3).join('; ')}`);
  },
};

async function askOnAndOn({ services, sleep }: Scene, failed: string[], over: AbortSignal): Promise<void> {
  const ask = (number: number) => services[number % services.length]?.evaluate('search', ANYBODY, 0);
  for (let number = 0; !over.aborted; number++) {
    await ask(number)?.catch(() =>
      ask(number + 1)?.catch(async () =>
        // A load balancer would know by now which one is down.
        ask(number + 2)?.catch((error: unknown) => void failed.push(String(error))),
      ),
    );
    await sleep(10);
  }
}

const ANYBODY = { targetingKey: 'anna', attributes: {} };

export const DEATHS: readonly Scenario[] = [...killedAt, beforeTheAnswer, standstill, storm, rollingRestart];

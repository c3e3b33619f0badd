import { demand, rounds, type Scenario } from './scenario.ts';

/** Many writers on one flag, half of whom insist on the version that they saw. */
const oneFlag: Scenario = {
  ...{ name: 'F10', fault: 'many writers on several replicas want the same flag' },
  cast: {
    ...{ writers: 32, thinkMs: 20 },
    wish: (_random, _knowledge, key) => ({ kind: 'set_value', flag: 'search', value: key }),
  },
  least: { operations: 60, operationsInFaults: 0, resumes: 0, evaluations: 20 },
  async play(scene, stretch) {
    await scene.sleep(4_000 * stretch);
    const { operations } = scene.recorder.history();
    const refused = operations.filter(({ outcome }) => outcome === 'fail');
    const codes = [...new Set(refused.map(({ code }) => code))];
    demand(refused.length > 0, 'somebody loses');
    demand(codes.join() === 'ABORTED', `whoever loses is told ABORTED (${codes})`);
  },
};

/** The one of the issue: NATS dies every few seconds, and one replica twice, with twenty writers. */
export const STORM: Scenario = {
  ...{ name: 'storm', fault: 'NATS is killed every few seconds and one replica twice, with twenty writers' },
  cast: { writers: 20, watchers: 9, thinkMs: 100 },
  least: { operations: 120, operationsInFaults: 20, resumes: 5, evaluations: 50 },
  async play(scene, stretch) {
    const forMs = Math.min(60_000, 10_000 * stretch);
    const untilMs = performance.now() + forMs;
    const natsDies = async () => {
      while (performance.now() < untilMs)
        await scene.during('NATS is dead', async () => {
          await scene.fleet.nats.kill();
          await scene.sleep(500);
          await scene.fleet.nats.start();
          await scene.sleep(2_500);
        });
    };
    const replicaDies = async () =>
      await rounds(2, async () => {
        await scene.sleep(forMs / 4);
        const replica = scene.replica(1);
        await scene.during(`${replica.name} is dead`, async () => {
          await replica.kill();
          await scene.sleep(500);
          await replica.start();
        });
      });
    await Promise.all([natsDies(), replicaDies()]);
  },
};

export const CONTENTION: readonly Scenario[] = [oneFlag, STORM];

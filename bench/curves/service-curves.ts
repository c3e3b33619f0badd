import { type Scenario, scenarioOf } from '../evaluator/scenario.ts';
import type { PartOptions } from '../lib/part.ts';
import { medianOf } from '../lib/summary.ts';
import { loadUnary } from '../load/load.ts';
import { memoryPerStream } from '../service/idle-streams.ts';
import { evaluateAllRequests, evaluateRequests, PATHS } from '../service/requests.ts';
import { startVexil } from '../service/vexil.ts';
import { watchAll } from '../service/watching.ts';
import type { Sizing } from './sizing.ts';

const USERS = 64;
const STREAMS = [100, 1_000, 10_000];
const CHANGES = 9;

/** Over gRPC; processor time of the server but for the last two. */
export const SERVICE: readonly Sizing[] = [
  {
    title: 'attributes in one gRPC call',
    unit: 'server µs',
    meaning: 'grows with what has to be decoded, on top of what a call costs anyway',
    sizes: [1, 10, 100],
    rounds: 3,
    measure: (size, options) => {
      const scenario = scenarioOf(`attributes ${size}`);
      const messages = evaluateRequests('new-checkout', scenario.users.slice(0, USERS));
      return costOfCall(scenario, PATHS.evaluate, messages, options);
    },
  },
  {
    title: 'flags in one EvaluateAll',
    unit: 'server µs',
    meaning: 'in proportion once the flags outweigh the call: each is decided, and its answer copied',
    sizes: [10, 100, 1_000],
    rounds: 3,
    measure: (size, options) => {
      const users = scenarioOf('attributes 3').users.slice(0, USERS);
      const messages = evaluateAllRequests(users);
      return costOfCall(scenarioOf(`all-flags ${size}`), PATHS.evaluateAll, messages, options);
    },
  },
  {
    title: 'streams that are told of one change',
    unit: 'ms to the last',
    meaning: 'in proportion once the streams outweigh the commit: each of them is written to',
    sizes: STREAMS,
    rounds: 2,
    measure: async (size, { root }) => {
      await using vexil = await startVexil(scenarioOf('one-rule').flags, { root });
      await using watchers = await watchAll(vexil, size);
      const lastMs: number[] = [];
      for (let change = 0; change < CHANGES; change++) lastMs.push((await watchers.change()).lastMs);
      return medianOf(lastMs.slice(2));
    },
  },
  {
    title: 'memory of so many idle streams',
    unit: 'MB',
    meaning: 'in proportion: a stream keeps its place and its view, and no queue',
    sizes: STREAMS,
    rounds: 2,
    measure: async (size, { root }) => {
      await using vexil = await startVexil(scenarioOf('one-rule').flags, { root });
      return ((await memoryPerStream(vexil, size)).resident * size) / 2 ** 20;
    },
  },
];

async function costOfCall(
  { flags }: Scenario,
  path: string,
  messages: readonly string[],
  { quick, root }: PartOptions,
): Promise<number> {
  await using vexil = await startVexil(flags, { root });
  const { port, pid, token = '' } = vexil;
  const span = quick ? { warmUpMs: 1_500, durationMs: 500 } : { warmUpMs: 4_000, durationMs: 1_500 };
  const shape = { connections: 8, inFlight: 4 };
  return (await loadUnary({ port, pid, token, path, messages, ...shape, ...span })).serverUs;
}

import { scenarioOf } from '../evaluator/scenario.ts';
import type { Part } from '../lib/part.ts';
import { table } from '../lib/table.ts';
import type { ProfileLine } from '../service/self-times.ts';
import { startVexil, type VexilService } from '../service/vexil.ts';
import { watchAll } from '../service/watching.ts';
import { unaryLoads } from './unary.ts';

const { flags } = scenarioOf('one-rule');
const LINES = 15;
const SHAPE = { connections: 8, inFlight: 8 };
const WARM_UP_MS = 3_000;
const PROFILED_MS = 4_000;

/** Where the processor time of the server goes. */
export const profile: Part = {
  name: 'profile',
  about: 'where the time goes: functions by their own time, in unary calls and in a fan-out',
  run: async ({ quick, root, tell }) => {
    tell('profile: unary calls');
    const unary = await profiled(root, (vexil) => callSteadily(vexil));
    tell('profile: fan-out');
    const fanout = await profiled(root, (vexil) => changeSteadily(vexil, quick ? 1_000 : 10_000));
    const text = [profileTable('gRPC, 8 × 8', unary), profileTable('one change to all watches', fanout)];
    return { text: text.join('\n\n'), checks: [], data: { unary, fanout } };
  },
};

/** `work` warms the server up and calls back for the part that counts. */
async function profiled(
  root: string,
  work: (vexil: VexilService) => Promise<{ readonly count: () => Promise<unknown> } & AsyncDisposable>,
): Promise<ProfileLine[]> {
  await using vexil = await startVexil(flags, { root });
  await using prepared = await work(vexil);
  await vexil.probe.startProfile();
  await prepared.count();
  return (await vexil.probe.stopProfile()).slice(0, LINES);
}

async function callSteadily(vexil: VexilService) {
  const load = unaryLoads([vexil], SHAPE).get(vexil.name);
  await load?.(WARM_UP_MS, 100);
  return { count: async () => await load?.(0, PROFILED_MS), async [Symbol.asyncDispose]() {} };
}

async function changeSteadily(vexil: VexilService, streams: number) {
  const watchers = await watchAll(vexil, streams);
  const changes = async (times: number) => {
    for (let change = 0; change < times; change++) await watchers.change();
  };
  await changes(5);
  return { count: () => changes(5), [Symbol.asyncDispose]: () => watchers[Symbol.asyncDispose]() };
}

function profileTable(title: string, lines: readonly ProfileLine[]): string {
  const rows = lines.map(({ name, where, share }) => [`${(share * 100).toFixed(1)} %`, name, where]);
  return table([[title, 'function', 'where'], ...rows]);
}

import { existsSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import type { Job, JobResult } from '../evaluator/job.ts';
import { scenarioOf } from '../evaluator/scenario.ts';
import { isolate } from '../lib/isolate.ts';
import type { Timing } from '../lib/measure.ts';
import { settledMemory } from '../lib/usage.ts';
import type { Throughput } from '../load/throughput.ts';
import { evaluateAllLoads } from '../parts/evaluate-all.ts';
import { streamLoads } from '../parts/stream.ts';
import { jsonLoads, unaryLoads } from '../parts/unary.ts';
import { memoryPerStream } from '../service/idle-streams.ts';
import { servePlainly } from '../service/serve.ts';
import type { Service } from '../service/service.ts';
import { startVexil } from '../service/vexil.ts';
import { watchAll } from '../service/watching.ts';

/** A checkout of Vexil that is compared. */
export interface Side {
  readonly name: string;
  readonly root: string;
}

/** Figures of one side, again and again; less is better in all of them. */
export interface Measurer extends AsyncDisposable {
  measure(): Promise<Readonly<Record<string, number>>>;
}

/** Something that is measured of each side in turn. Undefined: that side has nothing like it. */
export type Measurement = (side: Side, quick: boolean) => Promise<Measurer | undefined>;

const { flags } = scenarioOf('attributes 3');
const STREAMS = 1_000;
const CHANGES = 3;

type Loads = ReadonlyMap<string, (warmUpMs: number, durationMs: number) => Promise<Throughput>>;

/** What both sides are measured by, by name. */
export const MEASUREMENTS: Readonly<Record<string, Measurement>> = {
  evaluator,
  'gRPC 8 × 8': throughputOf('gRPC 8 × 8', flags, (service) =>
    unaryLoads([service], { connections: 8, inFlight: 8 }),
  ),
  'gRPC 64 × 1': throughputOf('gRPC 64 × 1', flags, (service) =>
    unaryLoads([service], { connections: 64, inFlight: 1 }),
  ),
  JSON: throughputOf('JSON over HTTP/1.1', flags, (service) => jsonLoads([service])),
  EvaluateAll: throughputOf('EvaluateAll of 350', scenarioOf('all-flags 350').flags, (service) =>
    evaluateAllLoads([service]),
  ),
  EvaluateStream: throughputOf('EvaluateStream 16', flags, (service) => streamLoads([service], 16)),
  fanout,
  'idle streams': idleStreams,
  idle,
};

function throughputOf(
  name: string,
  ofFlags: Parameters<typeof startVexil>[0],
  loadsOf: (service: Service) => Loads,
): Measurement {
  return async ({ root }, quick) => {
    const vexil = await startVexil(ofFlags, { root });
    const load = loadsOf(vexil).get(vexil.name);
    if (load === undefined) throw new Error(`there is no load for ${name}`);
    await load(quick ? 2_000 : 4_000, 100);
    return {
      measure: async () => ({ [`${name}, server µs`]: (await load(300, quick ? 700 : 1_500)).serverUs }),
      [Symbol.asyncDispose]: () => vexil[Symbol.asyncDispose](),
    };
  };
}

async function fanout({ root }: Side): Promise<Measurer> {
  await using stack = new AsyncDisposableStack();
  const vexil = stack.use(await startVexil(flags, { root }));
  const watchers = stack.use(await watchAll(vexil, STREAMS));
  for (let change = 0; change < CHANGES; change++) await watchers.change();
  const all = stack.move();
  return {
    measure: async () => {
      const { lastMs, serverMs } = await watchers.change();
      return { 'fan-out to 1,000, ms to the last': lastMs, 'fan-out to 1,000, server ms': serverMs };
    },
    [Symbol.asyncDispose]: () => all.disposeAsync(),
  };
}

async function idleStreams({ root }: Side): Promise<Measurer> {
  return {
    measure: async () => {
      await using vexil = await startVexil(flags, { root });
      return { 'memory of an idle stream, KB': (await memoryPerStream(vexil, STREAMS)).resident / 1024 };
    },
    async [Symbol.asyncDispose]() {},
  };
}

async function idle({ root }: Side): Promise<Measurer> {
  const directory = await mkdtemp(join(tmpdir(), 'vexil-bench-'));
  return {
    measure: async () => {
      await using service = await servePlainly(root, directory);
      const { rss } = await settledMemory(service.pid);
      return { 'start, ms': service.startMs, 'idle process, MB': rss / 2 ** 20 };
    },
    [Symbol.asyncDispose]: () => rm(directory, { recursive: true, force: true }),
  };
}

const SCENARIOS = ['one-rule', 'ten-rules', 'all-flags 1000', 'segment-members 1000', 'prerequisite'];

/** Each side's evaluator, measured by its own copy of the benchmark. */
async function evaluator({ root }: Side, quick: boolean): Promise<Measurer | undefined> {
  const worker = join(root, 'bench/evaluator/worker.ts');
  if (!existsSync(worker)) return undefined;
  const timing: Timing = quick
    ? { warmUpMs: 200, batches: 1, batchMs: 150 }
    : { warmUpMs: 600, batches: 3, batchMs: 250 };
  return {
    measure: async () => {
      const found: Record<string, number> = {};
      for (const scenario of SCENARIOS) {
        const job: Job = { kind: 'time', contender: 'vexil', scenario, timing };
        const { ns } = await isolate<JobResult>(pathToFileURL(worker), job);
        found[`evaluator, ${scenario}, ns`] = ns ?? Number.NaN;
      }
      return found;
    },
    async [Symbol.asyncDispose]() {},
  };
}

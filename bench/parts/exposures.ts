import { scenarioOf } from '../evaluator/scenario.ts';
import type { AwayJob, AwaySample } from '../exposures/away.ts';
import { type Account, settled } from '../exposures/ledger.ts';
import { isolate } from '../lib/isolate.ts';
import { atMost, type Check, type Part, type PartOptions, Unavailable } from '../lib/part.ts';
import { joined, ratioOf } from '../lib/rounds.ts';
import { figure, table } from '../lib/table.ts';
import { knowsVariable } from '../service/checkout.ts';
import type { Service } from '../service/service.ts';
import {
  type Figures,
  loadInTurn,
  QUICK,
  summariesOf,
  throughputTable,
} from '../service/throughput-table.ts';
import { startVexil } from '../service/vexil.ts';
import { evaluateAllLoads } from './evaluate-all.ts';
import { streamLoads } from './stream.ts';
import { unaryLoads } from './unary.ts';

const OFF = 'not recorded';
const ON = { VEXIL_EXPOSURES: 'on' };
const WRITING = 'and written';
const MOST_LOST_PERCENT = 10;
const TEAMS = 6;
const BUFFER_BYTES = 32 * 2 ** 20;

type Loads = ReturnType<typeof unaryLoads>;

/** What is called, on which flags. */
const LOADS: readonly {
  readonly name: string;
  readonly flags: string;
  readonly loads: (services: readonly Service[]) => Loads;
}[] = [
  {
    name: 'Evaluate, 8 × 8',
    flags: 'attributes 3',
    loads: (services) => unaryLoads(services, { connections: 8, inFlight: 8 }),
  },
  {
    name: 'EvaluateStream, 16 in flight',
    flags: 'attributes 3',
    loads: (services) => streamLoads(services, 16),
  },
  { name: 'EvaluateAll, 350 flags', flags: 'all-flags 350', loads: evaluateAllLoads },
];

/** The same evaluations, recorded and not. */
export const exposures: Part = {
  name: 'exposures',
  about: 'what it costs to record exposures, how fast they become tables, and memory while they cannot',
  run: async (options) => {
    if (!knowsVariable(options.root, 'EXPOSURE_VARIABLES'))
      throw new Unavailable('exposures are not recorded yet');
    const found = new Map<string, ReadonlyMap<string, Figures>>();
    for (const { name, flags, loads } of LOADS) {
      options.tell(`exposures: ${name}, recorded and not`);
      found.set(name, await recordedAndNot(options, flags, loads));
    }
    options.tell('exposures: one process that records, and writes them into tables');
    const sustained = await sustain(options);
    options.tell('exposures: while the queue is away');
    const away = await recordInVain(options);
    const tables = [...found].map(([name, figures]) => throughputTable(`${name}, recorded (vexil)`, figures));
    return {
      text: [...tables, sustainedTable(sustained), awayTable(away.samples)].join('\n\n'),
      checks: [...[...found].map(([name, figures]) => lostCheck(name, figures)), flatCheck(away.samples)],
      data: {
        ...Object.fromEntries([...found].map(([name, figures]) => [name, summariesOf(figures)])),
        ...{ sustained, away },
      },
    };
  },
};

/**
 * Again and again with processes that have just started: of two that do the same, one is often a tenth faster than the other
 * for as long as they run, by how they were compiled and what their heap looks like.
 */
async function recordedAndNot(
  options: PartOptions,
  scenario: string,
  loads: (services: readonly Service[]) => Loads,
): Promise<ReadonlyMap<string, Figures>> {
  const teams: ReadonlyMap<string, Figures>[] = [];
  for (let team = 0; team < (options.quick ? 2 : TEAMS); team++)
    teams.push(await oneTeam(options, scenario, loads));
  return joined(teams);
}

/** Beside the same without recording: a process that records and leaves the writing to others, and one that does both. */
async function oneTeam(
  { root }: PartOptions,
  scenario: string,
  loads: (services: readonly Service[]) => Loads,
): Promise<ReadonlyMap<string, Figures>> {
  const { flags } = scenarioOf(scenario);
  await using recorded = await startVexil(flags, { root, env: { ...ON, VEXIL_ROLES: 'evaluate' } });
  await using silent = await startVexil(flags, { root, name: OFF, env: { VEXIL_EXPOSURES: 'off' } });
  await using writing = await startVexil(flags, { root, name: WRITING, env: ON });
  return await loadInTurn(loads([recorded, silent, writing]), QUICK);
}

interface Sustained {
  readonly evaluationsPerSecond: number;
  /** Until the last one was in a table. */
  readonly rowsPerSecond: number;
  readonly lagMs: number;
  readonly account: Account;
}

async function sustain({ quick, root }: PartOptions): Promise<Sustained> {
  const { flags } = scenarioOf('attributes 3');
  await using vexil = await startVexil(flags, { root, env: ON });
  const load = streamLoads([vexil], 16).get(vexil.name);
  if (load === undefined) throw new Error('there is no load');
  await load(2_000, 200);
  const before = (await settled(vexil)).account;
  const durationMs = quick ? 4_000 : 20_000;
  const { callsPerSecond } = await load(0, durationMs);
  const { account, afterMs: lagMs } = await settled(vexil);
  return {
    evaluationsPerSecond: callsPerSecond,
    rowsPerSecond: ((account.stored - before.stored) * 1_000) / (durationMs + lagMs),
    ...{ lagMs, account },
  };
}

interface Away {
  readonly samples: readonly AwaySample[];
  readonly accepted: number;
  readonly lost: number;
}

function recordInVain({ quick }: PartOptions): Promise<Away> {
  const job: AwayJob = { evaluations: quick ? 3_000_000 : 12_000_000, bufferBytes: BUFFER_BYTES };
  return isolate<Away>(new URL('../exposures/away.ts', import.meta.url), job);
}

function sustainedTable({ evaluationsPerSecond, rowsPerSecond, lagMs, account }: Sustained): string {
  return table([
    ['one process, EvaluateStream', 'evaluations per second', 'rows per second', 'lag at the end', 'lost'],
    ['', figure(evaluationsPerSecond), figure(rowsPerSecond), `${figure(lagMs)} ms`, `${account.lost}`],
  ]);
}

function awayTable(samples: readonly AwaySample[]): string {
  return table([
    ['while the queue is away', ...samples.map(({ evaluations }) => `${(evaluations / 1e6).toFixed(2)} M`)],
    ['buffer, MiB', ...samples.map(({ buffer }) => figure(buffer))],
    ['heap and buffers, MiB', ...samples.map(({ heap }) => figure(heap))],
  ]);
}

function lostCheck(name: string, figures: ReadonlyMap<string, Figures>): Check {
  const rate = (of: string) => figures.get(of)?.callsPerSecond ?? [];
  const lost = 1 - ratioOf(rate('vexil'), rate(OFF)).median;
  return atMost(`recording ${name}, of the throughput`, MOST_LOST_PERCENT, lost * 100, '%');
}

/** From the time on that the buffer is full. */
function flatCheck(samples: readonly AwaySample[]): Check {
  const full = samples
    .filter(({ buffer }) => buffer > (0.9 * BUFFER_BYTES) / 2 ** 20)
    .map(({ heap }) => heap);
  const growth = full.length < 2 ? Number.POSITIVE_INFINITY : Math.max(...full) - Math.min(...full);
  return atMost('memory while the queue is away, from a full buffer on: growth', 4, growth, 'MiB');
}

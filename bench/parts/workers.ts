import { execFileSync } from 'node:child_process';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { scenarioOf } from '../evaluator/scenario.ts';
import { speedUpOfTwo } from '../lib/calibrate.ts';
import { atLeast, type Part, Unavailable } from '../lib/part.ts';
import { ratioOf } from '../lib/rounds.ts';
import { summarize } from '../lib/summary.ts';
import { spread, table, times } from '../lib/table.ts';
import { loadUnary } from '../load/load.ts';
import { entryOf } from '../service/checkout.ts';
import { fill } from '../service/fill.ts';
import { evaluateRequests, PATHS } from '../service/requests.ts';
import { servePlainly } from '../service/serve.ts';
import { type Figures, FULL, loadInTurn, QUICK, summariesOf } from '../service/throughput-table.ts';

const { flags, users } = scenarioOf('attributes 3');
const REQUESTS = evaluateRequests('new-checkout', users.slice(0, 64));
const COUNTS = [1, 2];
/** The kernel deals connections out to workers, so there have to be many; busy ones cost the client the least. */
const SHAPE = { connections: 64, inFlight: 16 };
const CORES = 2;

/** The same service in one process and in two. */
export const workers: Part = {
  name: 'workers',
  about: 'two workers on two cores beside one',
  run: async ({ quick, root, tell }) => {
    if (!hasWorkers(root)) throw new Unavailable('vexil serve has no --workers');
    tell('workers: one and two');
    await using stack = new AsyncDisposableStack();
    const loads = new Map<string, ReturnType<typeof loadOf>>();
    for (const count of COUNTS) {
      const directory = await mkdtemp(join(tmpdir(), 'vexil-bench-'));
      stack.defer(() => rm(directory, { recursive: true, force: true }));
      const server = stack.use(await servePlainly(root, directory, ['--workers', `${count}`]));
      const { token } = await fill(server.port, directory, flags);
      loads.set(nameOf(count), loadOf({ ...server, token }));
    }
    const machine = await speedUpOfTwo(quick ? 3 : 7);
    const found = await loadInTurn(loads, quick ? QUICK : FULL);
    const rate = (count: number) => found.get(nameOf(count))?.callsPerSecond ?? [];
    const ratio = ratioOf(rate(2), rate(1));
    return {
      text: `${workersTable(found, rate(1))}\n${limitsOf(found)}\nTwo processes that only count: ${times(machine)}.`,
      checks: [atLeast('two workers on two cores, one worker', 1.7, ratio.median)],
      data: { counting: machine, ...summariesOf(found) },
    };
  },
};

function nameOf(count: number): string {
  return count === 1 ? '1 worker' : `${count} workers`;
}

function hasWorkers(root: string): boolean {
  const help = execFileSync(process.execPath, [entryOf(root), 'serve', '--help'], { cwd: root });
  return help.toString().includes('--workers');
}

function loadOf({
  port,
  pid,
  token,
}: {
  readonly port: number;
  readonly pid: number;
  readonly token: string;
}) {
  const target = { port, pid, path: PATHS.evaluate, token, messages: REQUESTS, ...SHAPE };
  return (warmUpMs: number, durationMs: number) => loadUnary({ ...target, warmUpMs, durationMs });
}

function workersTable(found: ReadonlyMap<string, Figures>, ofOne: readonly number[]): string {
  const heading = ['gRPC, 64 × 16', 'calls, × one', 'calls per second', 'server µs per call', 'client µs'];
  const rows = [...found].map(([name, figures]) => [
    name,
    times(ratioOf(figures.callsPerSecond, ofOne)),
    spread(summarize(figures.callsPerSecond)),
    spread(summarize(figures.serverUs)),
    spread(summarize(figures.clientUs)),
  ]);
  return table([heading, ...rows]);
}

/** What the machine allows for: the client takes its share of the same cores. */
function limitsOf(found: ReadonlyMap<string, Figures>): string {
  const median = (count: number, figure: 'serverUs' | 'clientUs') =>
    summarize(found.get(nameOf(count))?.[figure] ?? []).median;
  const alone = median(1, 'serverUs');
  const both = median(2, 'serverUs');
  const most = (CORES * alone) / (both + median(2, 'clientUs'));
  const elsewhere = (CORES * alone) / both;
  return (
    `By processor time per call, ${CORES} cores have room for ${most.toFixed(2)}× beside this client, ` +
    `and for ${elsewhere.toFixed(2)}× if the load came from elsewhere.`
  );
}

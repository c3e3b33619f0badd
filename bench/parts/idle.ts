import { type ChildProcess, spawn } from 'node:child_process';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { atMost, type Part } from '../lib/part.ts';
import { inTurn } from '../lib/rounds.ts';
import { summarize } from '../lib/summary.ts';
import { spread, table } from '../lib/table.ts';
import { settledMemory } from '../lib/usage.ts';
import { servePlainly } from '../service/serve.ts';
import { summariesOf } from '../service/throughput-table.ts';

const MIB = 2 ** 20;

type Figure = 'firstStartMs' | 'startMs' | 'rss' | 'pss';

/** A service that nobody calls: how soon it is there, and what it takes. */
export const idle: Part = {
  name: 'idle',
  about: 'memory of a service that nobody calls, and how long it takes to start',
  run: async ({ quick, root, tell }) => {
    tell('idle: vexil serve, again and again');
    const found = await inTurn<Figure>(
      [
        { name: 'vexil serve', measure: () => measureService(root) },
        { name: 'node alone', measure: measureNode },
      ],
      quick ? 2 : 5,
    );
    const heading = ['', 'MB resident', 'MB, shared pages in part', 'first start, ms', 'start, ms'];
    const rows = [...found].map(([name, series]) => [
      name,
      ...[series.rss, series.pss].map((values) => spread(summarize(values.map((bytes) => bytes / MIB)))),
      ...[series.firstStartMs, series.startMs].map((values) =>
        values.some(Number.isNaN) ? '–' : spread(summarize(values)),
      ),
    ]);
    const rss = summarize(found.get('vexil serve')?.rss ?? []).median / MIB;
    return {
      text: table([heading, ...rows]),
      checks: [atMost('idle process', 65, rss, 'MB')],
      data: summariesOf(found),
    };
  },
};

async function measureService(root: string): Promise<Record<Figure, number>> {
  const directory = await mkdtemp(join(tmpdir(), 'vexil-bench-'));
  try {
    const first = await servePlainly(root, directory);
    await first[Symbol.asyncDispose]();
    await using service = await servePlainly(root, directory);
    const { rss, pss } = await settledMemory(service.pid);
    return { firstStartMs: first.startMs, startMs: service.startMs, rss, pss };
  } finally {
    await rm(directory, { recursive: true, force: true });
  }
}

/** What every program of this Node takes. */
async function measureNode(): Promise<Record<Figure, number>> {
  const child: ChildProcess = spawn(process.execPath, ['-e', 'setInterval(() => {}, 1e6)'], {
    stdio: 'ignore',
  });
  try {
    const { rss, pss } = await settledMemory(child.pid ?? 0);
    return { firstStartMs: Number.NaN, startMs: Number.NaN, rss, pss };
  } finally {
    child.kill('SIGKILL');
  }
}

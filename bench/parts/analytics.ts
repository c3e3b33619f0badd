import { mkdtemp, readdir, rm, stat } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { openSqliteExposureStore } from '../../src/adapters/sqlite/exposure-store.ts';
import { growStore, type Stage } from '../analytics/growing-store.ts';
import { QUESTIONS } from '../analytics/questions.ts';
import { exponentOf } from '../curves/slope.ts';
import { atMost, type Check, type Curve, type Part } from '../lib/part.ts';
import { figure, table } from '../lib/table.ts';

const FULL = { sizes: [500_000, 1_000_000, 2_000_000, 5_000_000], rounds: 5, patienceMs: 1_500_000 };
const QUICK = { sizes: [50_000, 100_000, 200_000], rounds: 3, patienceMs: 90_000 };
const MOST_DELAY_MS = 50;

/** What it takes to store exposures, and to ask about them, while more and more of them are there. */
export const analytics: Part = {
  name: 'analytics',
  about: 'storing exposures, and asking about them, as they become more: 350 flags, 100,000 users',
  run: async ({ quick, tell }) => {
    const directory = await mkdtemp(join(tmpdir(), 'vexil-bench-'));
    try {
      await using store = await openSqliteExposureStore(directory);
      const stages = await growStore('SQLite', store, { ...(quick ? QUICK : FULL), tell });
      const curves = curvesOf('SQLite', stages);
      const bytes = await sizeOf(directory);
      return {
        text: [storingTable('SQLite', stages, bytes), askingTable('SQLite, ms', stages)].join('\n\n'),
        checks: delayChecks('SQLite', stages),
        data: {
          SQLite: { bytes, stages: stages.map(({ asked, ...rest }) => ({ ...rest, ...asData(asked) })) },
        },
        curves,
      };
    } finally {
      await rm(directory, { recursive: true, force: true });
    }
  },
};

function asData(asked: Stage['asked']) {
  return { askedMs: Object.fromEntries(asked) };
}

async function sizeOf(directory: string): Promise<number> {
  const sizes = (await readdir(directory)).map(async (name) => (await stat(join(directory, name))).size);
  return (await Promise.all(sizes)).reduce((sum, size) => sum + size, 0);
}

function storingTable(name: string, stages: readonly Stage[], bytes: number): string {
  const last = stages.at(-1)?.size ?? 1;
  const rows = [
    [`${name}: evaluations`, ...stages.map(({ size }) => size.toLocaleString('en-US'))],
    ['  stored a second', ...stages.map(({ storedPerSecond }) => figure(storedPerSecond))],
    ['  processor time for each, µs', ...stages.map(({ processorUs }) => figure(processorUs))],
    ['  event loop held up, ms: 99 %', ...stages.map(({ delayMs }) => figure(delayMs))],
    ['  event loop held up, ms: worst', ...stages.map(({ worstDelayMs }) => figure(worstDelayMs))],
  ];
  return `${table(rows)}\n  ${figure(bytes / last)} bytes on disk for each evaluation`;
}

function askingTable(title: string, stages: readonly Stage[]): string {
  const rows = QUESTIONS.map((question) => {
    const values = stages.map(({ asked }) => asked.get(question.title) ?? Number.NaN);
    const points = stages.map(({ size }, at) => ({ size, value: values[at] ?? Number.NaN }));
    return [question.title, ...values.map(figure), `^${exponentOf(points).toFixed(2)}`, question.meaning];
  });
  return table([[title, ...stages.map(({ size }) => size.toLocaleString('en-US')), 'growth', ''], ...rows]);
}

function curvesOf(name: string, stages: readonly Stage[]): Curve[] {
  return QUESTIONS.map(({ title }) => ({
    title,
    unit: `ms, ${name}`,
    points: stages.map(({ size, asked }) => ({ size, value: asked.get(title) ?? Number.NaN })),
  }));
}

function delayChecks(name: string, stages: readonly Stage[]): readonly Check[] {
  const delay = Math.max(...stages.map(({ delayMs }) => delayMs));
  return [atMost(`${name} holds the event loop up while it stores, 99 %`, MOST_DELAY_MS, delay, 'ms')];
}

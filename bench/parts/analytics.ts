import { growStore, type Stage } from '../analytics/growing-store.ts';
import { QUESTIONS } from '../analytics/questions.ts';
import { type MeasuredStore, openMongoDb, openSqlite } from '../analytics/stores.ts';
import { exponentOf } from '../curves/slope.ts';
import {
  atMost,
  type Check,
  type Curve,
  type Part,
  type PartOptions,
  type PartResult,
  Unavailable,
} from '../lib/part.ts';
import { figure, table } from '../lib/table.ts';

const FULL = { sizes: [500_000, 1_000_000, 2_000_000, 5_000_000], rounds: 5, patienceMs: 1_500_000 };
const QUICK = { sizes: [50_000, 100_000, 200_000], rounds: 3, patienceMs: 90_000 };
const MOST_DELAY_MS = 50;

/** The stores that there are. */
const STORES: readonly [string, () => Promise<MeasuredStore>][] = [
  ['SQLite', openSqlite],
  ['MongoDB', openMongoDb],
];

/** What it takes to store exposures, and to ask about them, while more and more of them are there. */
export const analytics: Part = {
  name: 'analytics',
  about: 'storing exposures, and asking about them, as they become more: 350 flags, 100,000 users',
  run: async (options) => {
    const results: [string, PartResult][] = [];
    for (const [name, open] of STORES) {
      try {
        results.push([name, await measured(name, open, options)]);
      } catch (error) {
        if (!(error instanceof Unavailable)) throw error;
        options.tell(`analytics: ${name}: ${error.message}`);
      }
    }
    return {
      text: results.map(([, { text }]) => text).join('\n\n'),
      checks: results.flatMap(([, { checks }]) => checks),
      data: Object.fromEntries(results.map(([name, { data }]) => [name, data])),
      curves: results.flatMap(([, { curves = [] }]) => curves),
    };
  },
};

async function measured(
  name: string,
  open: () => Promise<MeasuredStore>,
  { quick, tell }: PartOptions,
): Promise<PartResult> {
  await using opened = await open();
  const stages = await growStore(name, opened.store, { ...(quick ? QUICK : FULL), tell });
  const bytes = await opened.bytesOnDisk();
  return {
    text: [storingTable(name, stages, bytes), askingTable(`${name}, ms`, stages)].join('\n\n'),
    checks: delayChecks(name, stages),
    data: { bytes, stages: stages.map(({ asked, ...rest }) => ({ ...rest, ...asData(asked) })) },
    curves: curvesOf(name, stages),
  };
}

function asData(asked: Stage['asked']) {
  return { askedMs: Object.fromEntries(asked) };
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

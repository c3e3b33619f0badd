import { type Entry, inTurn, ratioOf, type Series } from '../lib/rounds.ts';
import { type Summary, summarize } from '../lib/summary.ts';
import { figure, spread, table, times } from '../lib/table.ts';
import type { Throughput } from '../load/throughput.ts';

/** How long and how often something is put under load. */
export interface LoadPlan {
  readonly rounds: number;
  /** Before the first round, for each server, so that its compiler is done. */
  readonly firstWarmUpMs: number;
  readonly warmUpMs: number;
  readonly durationMs: number;
}

export const FULL: LoadPlan = { rounds: 7, firstWarmUpMs: 4000, warmUpMs: 500, durationMs: 1500 };
export const QUICK: LoadPlan = { rounds: 3, firstWarmUpMs: 2500, warmUpMs: 300, durationMs: 700 };

export type Figures = Series<keyof Throughput>;

/** Puts each of these under the same load in turn, by name. */
export async function loadInTurn(
  loads: ReadonlyMap<string, (warmUpMs: number, durationMs: number) => Promise<Throughput>>,
  { rounds, firstWarmUpMs, warmUpMs, durationMs }: LoadPlan,
): Promise<ReadonlyMap<string, Figures>> {
  for (const load of loads.values()) await load(firstWarmUpMs, 200);
  const entries = [...loads].map(
    ([name, load]): Entry<keyof Throughput> => ({
      name,
      measure: async () => ({ ...(await load(warmUpMs, durationMs)) }),
    }),
  );
  return await inTurn(entries, rounds);
}

/** How many times as much of a server's processor time a call takes there as in Vexil. */
export function costRatio(found: ReadonlyMap<string, Figures>, name: string): Summary {
  return ratioOf(found.get(name)?.serverUs ?? [], found.get('vexil')?.serverUs ?? []);
}

/** How many times as many calls a second Vexil answers. */
export function rateRatio(found: ReadonlyMap<string, Figures>, name: string): Summary {
  return ratioOf(found.get('vexil')?.callsPerSecond ?? [], found.get(name)?.callsPerSecond ?? []);
}

/** One line for each server: ratios first. */
export function throughputTable(title: string, found: ReadonlyMap<string, Figures>): string {
  const heading = [
    ...[title, "processor, × vexil's", 'vexil answers', 'server µs per call', 'calls per second'],
    ...['client µs', 'bytes'],
  ];
  const rows = [...found].map(([name, figures]) => [
    name,
    name === 'vexil' ? '1' : times(costRatio(found, name)),
    name === 'vexil' ? '' : times(rateRatio(found, name)),
    spread(summarize(figures.serverUs)),
    spread(summarize(figures.callsPerSecond)),
    figure(summarize(figures.clientUs).median),
    figure(summarize(figures.bytesPerCall).median),
  ]);
  return table([heading, ...rows]);
}

/** Summaries of everything, for the record. */
export function summariesOf(found: ReadonlyMap<string, Series<string>>) {
  return Object.fromEntries(
    [...found].map(([name, series]) => [
      name,
      Object.fromEntries(Object.entries(series).map(([figure, values]) => [figure, summarize(values)])),
    ]),
  );
}

import { installedVersion } from '../lib/machine.ts';
import { atLeast, type Check, type Part, type PartOptions } from '../lib/part.ts';
import type { Summary } from '../lib/summary.ts';
import { figure, table } from '../lib/table.ts';
import { type Entry, interleave, type Plan } from './job.ts';
import { verify } from './verify.ts';

/** Libraries that evaluate flags inside the process, and the packages they come from. */
const PEERS: Readonly<Record<string, string>> = {
  'flagd-core': '@openfeature/flagd-core',
  'unleash-client': 'unleash-client',
  growthbook: '@growthbook/growthbook',
  launchdarkly: '@launchdarkly/node-server-sdk',
};
const CONTENDERS = ['vexil', ...Object.keys(PEERS)];

/** Both hash the flag's key and the user's with murmur3 and scale it alike. */
const ALIKE = ['vexil', 'flagd-core'];

interface Case {
  readonly scenario: string;
  readonly title: string;
  readonly unit: 'ns' | 'µs';
}

const CASES: readonly Case[] = [
  { scenario: 'one-rule', title: 'one rule + 50 %', unit: 'ns' },
  { scenario: 'ten-rules', title: 'ten rules', unit: 'ns' },
  { scenario: 'all-flags 1000', title: '1,000 flags', unit: 'µs' },
  { scenario: 'segment-members 1000', title: 'segment of 1,000', unit: 'ns' },
  { scenario: 'prerequisite', title: 'one prerequisite', unit: 'ns' },
];

const FULL: Plan = { rounds: 9, timing: { warmUpMs: 600, batches: 3, batchMs: 250 } };
const QUICK: Plan = { rounds: 3, timing: { warmUpMs: 200, batches: 1, batchMs: 150 } };

/** Nanoseconds by library. */
type Figures = Readonly<Record<string, Summary>>;

/** Vexil's evaluator beside those of other products: same flags, same users, each through its own API. */
export const evaluator: Part = {
  name: 'evaluator',
  about: 'decisions inside one process, beside four other libraries',
  run: async (options) => {
    const versions = await versionsOfPeers();
    const found = new Map<Case, Figures>();
    for (const one of CASES) found.set(one, await measureCase(one, options));
    const rows = [...found].map(([one, figures]) => [
      one.title,
      ...CONTENDERS.map((name) => cell(one, figures, name)),
    ]);
    const heading = ['', 'vexil', ...Object.keys(PEERS).map((name) => `${name} ${versions[name]}`)];
    const data = Object.fromEntries([...found].map(([{ scenario }, figures]) => [scenario, figures]));
    return {
      text: `Per evaluation: median (min–max), and how many times vexil's\n\n${table([heading, ...rows])}`,
      checks: checksOf(data),
      data: { versions, ns: data },
    };
  },
};

async function measureCase({ scenario, title }: Case, { quick, tell }: PartOptions): Promise<Figures> {
  tell(`evaluator: ${title}`);
  const able = await verify(scenario, CONTENDERS, ALIKE);
  const entries = able.map((contender): Entry => ({ contender, scenario }));
  const summaries = await interleave(entries, quick ? QUICK : FULL);
  return Object.fromEntries([...summaries].map(([{ contender }, summary]) => [contender, summary]));
}

function cell({ unit }: Case, figures: Figures, name: string): string {
  const summary = figures[name];
  if (summary === undefined) return '–';
  const scale = unit === 'ns' ? 1 : 1000;
  const [median, min, max] = [summary.median, summary.min, summary.max].map((ns) => figure(ns / scale));
  const ratio = name === 'vexil' ? '' : `  ${ratioOf(figures, name).toFixed(1)}×`;
  return `${median} ${unit} (${min}–${max})${ratio}`;
}

/** How many times as long as Vexil a library takes. */
function ratioOf(figures: Figures | undefined, name: string): number {
  return (figures?.[name]?.median ?? Number.NaN) / (figures?.vexil?.median ?? Number.NaN);
}

function checksOf(data: Readonly<Record<string, Figures>>): Check[] {
  const { 'one-rule': oneRule, 'all-flags 1000': allFlags } = data;
  const best = (figures: Figures | undefined) =>
    Math.min(...Object.keys(PEERS).map((name) => ratioOf(figures, name)));
  return [
    atLeast('one rule + 50 %, best of the others', 8, best(oneRule)),
    atLeast('one rule + 50 %, launchdarkly', 25, ratioOf(oneRule, 'launchdarkly')),
    atLeast('1,000 flags, best of the others', 8, best(allFlags)),
    atLeast('1,000 flags, flagd-core', 10, ratioOf(allFlags, 'flagd-core')),
  ];
}

async function versionsOfPeers(): Promise<Record<string, string>> {
  const versions = Object.entries(PEERS).map(async ([name, packageName]) => [
    name,
    await installedVersion(packageName),
  ]);
  return Object.fromEntries(await Promise.all(versions));
}

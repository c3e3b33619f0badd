import type { Part } from '../lib/part.ts';
import { figure, table } from '../lib/table.ts';
import { type Entry, interleave, type Plan } from './job.ts';

/** How the time of one evaluation grows with the size of something. */
interface Curve {
  readonly scenario: string;
  readonly title: string;
  /** What shape to expect, and why. */
  readonly meaning: string;
  readonly sizes: readonly number[];
  readonly unit: 'ns' | 'µs';
}

const CURVES: readonly Curve[] = [
  {
    scenario: 'all-flags',
    title: 'flags, all at once',
    meaning: 'grows with the number of flags, and a little more where they no longer fit the cache',
    sizes: [10, 100, 1000, 10_000],
    unit: 'µs',
  },
  {
    scenario: 'rules',
    title: 'rules, the last matches',
    meaning: 'grows with the rules that are tried, by one attribute and one set look-up each',
    sizes: [1, 2, 5, 10, 20],
    unit: 'ns',
  },
  {
    scenario: 'attributes',
    title: 'attributes of a user',
    meaning: 'flat: an attribute is looked up by name, and the context is never copied',
    sizes: [1, 10, 100],
    unit: 'ns',
  },
  {
    scenario: 'segment-members',
    title: 'members of a segment',
    meaning: 'flat but for cache misses: members are a set',
    sizes: [10, 100, 1000, 10_000, 100_000],
    unit: 'ns',
  },
  {
    scenario: 'key-length',
    title: 'characters of the targeting key',
    meaning: 'grows with the key: every character goes through the hash of the rollout',
    sizes: [11, 36, 100],
    unit: 'ns',
  },
];

const FULL: Plan = { rounds: 5, timing: { warmUpMs: 600, batches: 3, batchMs: 250 } };
const QUICK: Plan = { rounds: 1, timing: { warmUpMs: 200, batches: 1, batchMs: 150 } };

/** How Vexil's evaluator scales. */
export const curves: Part = {
  name: 'evaluator-curves',
  run: async ({ quick, tell }) => {
    const texts: string[] = [];
    const data: Record<string, Record<string, unknown>> = {};
    for (const curve of CURVES) {
      tell(`evaluator-curves: ${curve.title}`);
      const entries = curve.sizes.map(
        (size): Entry => ({ contender: 'vexil', scenario: `${curve.scenario} ${size}` }),
      );
      const summaries = [...(await interleave(entries, quick ? QUICK : FULL)).values()];
      const scale = curve.unit === 'ns' ? 1 : 1000;
      const rows = [
        [curve.title, ...curve.sizes.map((size) => size.toLocaleString('en-US'))],
        [`  ${curve.unit}`, ...summaries.map(({ median }) => figure(median / scale))],
      ];
      texts.push(`${table(rows)}\n  ${curve.meaning}`);
      data[curve.scenario] = Object.fromEntries(
        summaries.map((summary, at) => [`${curve.sizes[at]}`, summary]),
      );
    }
    return { text: texts.join('\n\n'), checks: [], data: { ns: data } };
  },
};

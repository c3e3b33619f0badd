import { isolate } from '../lib/isolate.ts';
import type { Timing } from '../lib/measure.ts';
import { atLeast, type Part } from '../lib/part.ts';
import { inTurn, ratioOf } from '../lib/rounds.ts';
import { type Summary, summarize } from '../lib/summary.ts';
import { spread, table, times } from '../lib/table.ts';

/** One thing to measure in a process of its own. */
export interface CodecJob {
  readonly step: 'read' | 'decide' | 'write' | 'answer';
  readonly way: Way;
  readonly scenario: string;
  readonly timing: Timing;
}

type Way = 'by hand' | 'generic';

interface Case extends Pick<CodecJob, 'step' | 'scenario'> {
  readonly title: string;
  /** How many times as fast it has to be by hand. */
  readonly leastRatio?: number;
}

const CASES: readonly Case[] = [
  { title: 'Evaluate, 3 attributes: read', step: 'read', scenario: 'attributes 3', leastRatio: 2.7 },
  { title: 'Evaluate, 30 attributes: read', step: 'read', scenario: 'attributes 30' },
  { title: 'Evaluate: write', step: 'write', scenario: 'attributes 3', leastRatio: 10 },
  { title: 'Evaluate: read, decide, write', step: 'answer', scenario: 'attributes 3' },
  { title: 'EvaluateAll, 350 flags: write', step: 'write', scenario: 'all-flags 350', leastRatio: 5 },
  { title: 'EvaluateAll, 350 flags: read, decide, write', step: 'answer', scenario: 'all-flags 350' },
  { title: 'EvaluateAll, 350 flags: decide alone', step: 'decide', scenario: 'all-flags 350' },
];

const FULL = { rounds: 7, timing: { warmUpMs: 500, batches: 3, batchMs: 200 } };
const QUICK = { rounds: 3, timing: { warmUpMs: 200, batches: 1, batchMs: 100 } };

const WORKER = new URL('worker.ts', import.meta.url);

/** What the hot methods do with bytes, beside the generic library doing the same. */
export const codec: Part = {
  name: 'codec',
  about: 'requests read and answers written by hand, beside the generic library',
  run: async ({ quick, tell }) => {
    const found = new Map<Case, Figures>();
    for (const one of CASES) {
      tell(`codec: ${one.title}`);
      found.set(one, await measureCase(one, quick ? QUICK : FULL));
    }
    const rows = [...found].map(([{ title }, { byHand, generic, ratio }]) => [
      title,
      spread(byHand),
      spread(generic),
      times(ratio),
    ]);
    return {
      text: `Nanoseconds: median (min–max)\n\n${table([['', 'by hand', 'generic', ''], ...rows])}`,
      checks: [...found].flatMap(([{ title, leastRatio }, { ratio }]) =>
        leastRatio === undefined ? [] : [atLeast(title, leastRatio, ratio.median)],
      ),
      data: Object.fromEntries([...found].map(([{ title }, figures]) => [title, figures])),
    };
  },
};

interface Figures {
  readonly byHand: Summary;
  readonly generic: Summary;
  /** How many times as long the generic library takes. */
  readonly ratio: Summary;
}

async function measureCase(
  { step, scenario }: Case,
  plan: { readonly rounds: number; readonly timing: Timing },
): Promise<Figures> {
  const ways: readonly Way[] = ['by hand', 'generic'];
  const entries = ways.map((way) => ({
    name: way,
    measure: async () => {
      const job: CodecJob = { step, way, scenario, timing: plan.timing };
      return { ns: await isolate<number>(WORKER, job) };
    },
  }));
  const found = await inTurn(entries, plan.rounds);
  const [byHand = [], generic = []] = ways.map((way) => found.get(way)?.ns);
  return { byHand: summarize(byHand), generic: summarize(generic), ratio: ratioOf(generic, byHand) };
}

import { parseArgs } from 'node:util';
import type { Invariant, Violation } from '../checks/check.ts';
import { violationsIn } from '../checks/checker.ts';
import { activityIn } from '../checks/i16-meant.ts';
import { runSchedule } from './schedule.ts';

/** What a number of schedules came to: printed as JSON, for whoever started this. */
export interface Summary {
  readonly schedules: number;
  readonly operations: number;
  readonly operationsInFaults: number;
  readonly resumes: number;
  readonly evaluations: number;
  /** Of each invariant that was broken: how often, and where it was first. */
  readonly broken: Partial<Record<Invariant, { count: number; seed: number; message: string }>>;
}

const { values } = parseArgs({
  options: {
    first: { type: 'string', default: '1' },
    count: { type: 'string', default: '20' },
    /** Ends at the first schedule that breaks this. */
    until: { type: 'string' },
  },
});

const sums = { schedules: 0, operations: 0, operationsInFaults: 0, resumes: 0, evaluations: 0 };
const broken: Summary['broken'] = {};
for (let seed = Number(values.first); seed < Number(values.first) + Number(values.count); seed++) {
  const history = await runSchedule(seed).catch((error: unknown) => {
    throw new Error(`schedule ${seed} does not come to its end`, { cause: error });
  });
  const seen = activityIn(history);
  sums.schedules++;
  for (const what of Object.keys(seen) as (keyof typeof seen)[]) sums[what] += seen[what];
  for (const violation of violationsIn(history)) note(violation, seed);
  if (values.until !== undefined && values.until in broken) break;
}
process.stdout.write(`${JSON.stringify({ ...sums, broken } satisfies Summary)}\n`);
process.exit(process.exitCode);

function note({ invariant, message }: Violation, seed: number): void {
  const known = broken[invariant];
  if (known === undefined) broken[invariant] = { count: 1, seed, message };
  else known.count++;
}

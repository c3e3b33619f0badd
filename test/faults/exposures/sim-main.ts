import { parseArgs } from 'node:util';
import { checkAccounts } from './i13-accounted.ts';
import { runExposureSchedule } from './sim-schedule.ts';

/** What a number of schedules came to: printed as JSON, for whoever started this. */
export interface ExposureSummary {
  readonly schedules: number;
  readonly accepted: number;
  readonly stored: number;
  readonly killed: number;
  readonly lost: number;
  readonly letters: number;
  readonly broken: readonly { readonly seed: number; readonly message: string }[];
}

const { values } = parseArgs({
  options: {
    first: { type: 'string', default: '1' },
    count: { type: 'string', default: '20' },
    /** Ends at the first schedule that breaks something. */
    until: { type: 'boolean', default: false },
  },
});

const sums = { schedules: 0, accepted: 0, stored: 0, killed: 0, lost: 0, letters: 0 };
const broken: { seed: number; message: string }[] = [];
for (let seed = Number(values.first); seed < Number(values.first) + Number(values.count); seed++) {
  const history = await runExposureSchedule(seed);
  sums.schedules++;
  sums.letters += history.tables.letters.length;
  for (const { accepted, stored, lost } of history.tables.ledger) {
    sums.accepted += accepted;
    sums.stored += stored;
    for (const [reason, units] of lost) sums[reason === 'killed' ? 'killed' : 'lost'] += units;
  }
  for (const { message } of checkAccounts(history)) broken.push({ seed, message });
  if (values.until && broken.length > 0) break;
}
process.stdout.write(
  `${JSON.stringify({ ...sums, broken: broken.slice(0, 20) } satisfies ExposureSummary)}\n`,
);
process.exit(process.exitCode);

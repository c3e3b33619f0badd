import type { LedgerEntry } from '../../../src/ports/exposure-store.ts';
import type { Violation } from '../checks/check.ts';
import type { ExposureHistory, RecordedRun } from './exposure-history.ts';

/**
 * I13: everything that was accepted is in the tables once, a dead letter, or declared lost; what somebody was told is
 * durable is in them; and they agree with each other.
 */
export function* checkAccounts(history: ExposureHistory): Iterable<Violation> {
  for (const message of complaintsOf(history)) yield { invariant: 'I13', message };
}

function* complaintsOf(history: ExposureHistory): Iterable<string> {
  yield* complaintsOfRuns(history);
  yield* complaintsOfRows(history);
  const { letters, waiting } = history.tables;
  if (waiting > 0) yield `${waiting} parcels are still in the queue`;
  for (const id of letters)
    if (!history.planted.includes(id)) yield `${id} was never broken, and is a dead letter`;
  for (const id of history.planted) if (!letters.includes(id)) yield `${id} is broken, and no dead letter`;
}

function* complaintsOfRuns({ runs, tables, mayLose, answered, unnoted }: ExposureHistory): Iterable<string> {
  const entries = new Map(tables.ledger.map((entry) => [entry.process, entry]));
  const known = new Map(runs.map((run) => [run.process, run]));
  for (const entry of tables.ledger) {
    const run = known.get(entry.process);
    if (run !== undefined) yield* complaintsOfEntry(entry, run, mayLose);
    // What was planted may name processes that never were.
    else if (entry.stored > 0)
      yield `${entry.process} never was, and has ${entry.stored} units in the tables`;
  }
  for (const { process, accepted = 0, killedAt } of runs)
    if ((killedAt ?? accepted) > 0 && !entries.has(process)) yield `${process} is not in the ledger`;
  const all = tables.ledger.reduce((sum, { accepted }) => sum + accepted, 0);
  if (all < answered - unnoted) yield `${answered} were answered, and no more than ${all} are known of`;
}

function* complaintsOfEntry(
  { process, accepted, stored, deadLettered, lost, missing }: LedgerEntry,
  { accepted: own, killedAt }: RecordedRun,
  mayLose: readonly string[],
): Iterable<string> {
  const losses = [...lost].reduce((sum, [, units]) => sum + units, 0);
  const rest = accepted - stored - deadLettered - losses;
  if (rest !== 0)
    yield `${process}: of ${accepted} accepted, ${stored} are stored, ${deadLettered} buried and ${losses} lost`;
  for (const [reason, units] of lost)
    if (!(reason === 'killed' ? killedAt !== undefined : mayLose.includes(reason)))
      yield `${process} lost ${units}: ${reason}`;
  if (killedAt === undefined) {
    if (own !== undefined && own !== accepted)
      yield `${process} accepted ${own}, and the ledger says ${accepted}`;
    for (const { from, to } of missing) yield `${process}: batches ${from} to ${to} are missing`;
  } else if (accepted < killedAt || accepted > (own ?? accepted))
    yield `${process} noted ${killedAt} of ${own}, and the ledger says ${accepted}`;
}

function* complaintsOfRows({
  tables: { rows, sums, sumsElsewhere, ledger },
  acknowledged,
}: ExposureHistory): Iterable<string> {
  const counts = new Map<string, number>();
  for (const { subject, flag, count } of rows) {
    const key = `${subject} ${flag}`;
    counts.set(key, (counts.get(key) ?? 0) + count);
  }
  for (const [key, count] of counts) if (count > 1) yield `${key} is counted ${count} times`;
  const subjects = new Set(rows.map(({ subject }) => subject));
  for (const subject of acknowledged)
    if (!subjects.has(subject)) yield `${subject} was said to be durable, and is not there`;
  const stored = ledger.reduce((sum, entry) => sum + entry.stored, 0);
  const inRows = rows.reduce((sum, { count }) => sum + count, 0);
  const steps = ['minute', 'hour', 'day'] as const;
  for (const step of steps) {
    if (inRows !== sums[step])
      yield `there are ${inRows} rows, and by the ${step} they come to ${sums[step]}`;
    const all = sums[step] + sumsElsewhere[step];
    if (all !== stored) yield `${stored} units are stored, and by the ${step} they come to ${all}`;
  }
}

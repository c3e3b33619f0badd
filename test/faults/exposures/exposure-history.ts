import type {
  ExposureStore,
  LedgerEntry,
  LossReason,
  RecordedPlace,
  StoredEvaluation,
} from '../../../src/ports/exposure-store.ts';

/** What one run of a process says, or has noted, of what it accepted. */
export interface RecordedRun {
  readonly process: string;
  /** By its own count; absent if nobody could ask it any more. */
  readonly accepted?: number;
  /** What it had noted when it was killed. Absent: it ended in an orderly way. */
  readonly killedAt?: number;
}

export type Sums = Readonly<Record<'minute' | 'hour' | 'day', number>>;

/** What the tables say in the end. */
export interface Tables {
  readonly ledger: readonly LedgerEntry[];
  readonly letters: readonly string[];
  readonly rows: readonly Pick<StoredEvaluation, 'subject' | 'flag' | 'count'>[];
  /** How many evaluations the sums by the minute, the hour and the day come to. */
  readonly sums: Sums;
  /** The same of places of which nobody reads the rows, for there are too many. */
  readonly sumsElsewhere: Sums;
  /** Parcels that the queue still has. */
  readonly waiting: number;
}

/** Everything that was seen of recording while things went wrong. */
export interface ExposureHistory {
  readonly runs: readonly RecordedRun[];
  /** Subjects of evaluations of which a client was told that they are durable. Nobody asks twice for one subject and flag. */
  readonly acknowledged: readonly string[];
  /** Evaluations that callers were answered, whoever they are. */
  readonly answered: number;
  /** How many of these a killed process may not have noted, at most, all in all. */
  readonly unnoted: number;
  /** Names of parcels that no process of the service published. */
  readonly planted: readonly string[];
  /** For which reasons units may be lost here, besides deaths. */
  readonly mayLose: readonly LossReason[];
  readonly tables: Tables;
}

const ALWAYS = { from: 0, to: Number.MAX_SAFE_INTEGER };
const PAGE = 1_000;

/** Reads everything that there is. */
export async function readTables(
  store: ExposureStore,
  place: RecordedPlace,
  waiting: number,
  elsewhere?: RecordedPlace,
): Promise<Tables> {
  const letters: string[] = [];
  for (let page = await store.deadLetters(PAGE); page.length > 0; ) {
    letters.push(...page.map(({ id }) => id));
    page = await store.deadLetters(PAGE, letters.at(-1));
  }
  return {
    ...{ letters, waiting, rows: await rowsOf(store, place), ledger: await store.ledger(10_000) },
    sums: await sumsOf(store, place),
    sumsElsewhere: elsewhere ? await sumsOf(store, elsewhere) : { minute: 0, hour: 0, day: 0 },
  };
}

async function sumsOf(store: ExposureStore, place: RecordedPlace): Promise<Sums> {
  const sumOf = async (step: keyof Sums) =>
    (await store.series(place, { ...ALWAYS, step })).reduce((sum, { count }) => sum + count, 0);
  return { minute: await sumOf('minute'), hour: await sumOf('hour'), day: await sumOf('day') };
}

async function rowsOf(store: ExposureStore, place: RecordedPlace): Promise<StoredEvaluation[]> {
  const rows: StoredEvaluation[] = [];
  for (;;) {
    const last = rows.at(-1);
    const after = last && { after: { time: last.time, id: last.id } };
    const page = await store.rows(place, { ...ALWAYS, limit: PAGE, ...after });
    rows.push(...page);
    if (page.length === 0) return rows;
  }
}

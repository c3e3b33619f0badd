import {
  countIn,
  type Entry,
  itemAt,
  listIn,
  numberIn,
  positiveIn,
  unreadable,
  wholeIn,
} from './batch-fields.ts';
import { FIRST_CODE, HOUR_MS, NUMBERS_PER_ROW } from './batch-tables.ts';
import type { RecordedEvaluation } from './exposure-store.ts';

type OutcomeFields = Pick<
  RecordedEvaluation,
  'flag' | 'flagVersion' | 'variation' | 'reason' | 'ruleId' | 'errorCode'
>;
type KindFields = Pick<RecordedEvaluation, 'revision' | 'source' | 'client'>;

/** The tables that rows are made of; what is not read yet is `Entry`. */
export interface RowTables {
  /** When the hour began. */
  readonly start: number;
  readonly outcomes: readonly OutcomeFields[];
  readonly kinds: readonly KindFields[];
  readonly subjects: readonly string[];
  readonly lists: Entry;
  readonly picks: Entry;
  readonly rows: Entry;
  readonly many: Entry;
}

type Amount = Pick<RecordedEvaluation, 'count' | 'weight'>;

/** In a list: an answer that was not to be recorded. */
const NOTHING = undefined;
type Listed = OutcomeFields | typeof NOTHING;

const ONE: Amount = { count: 1, weight: 1 };

/** The evaluations one by one, in their order. Throws `invalid` before making more than `most`. */
export function evaluationsIn(tables: RowTables, most: number): readonly RecordedEvaluation[] {
  const { start, outcomes, kinds, subjects, rows } = tables;
  if (rows.length % NUMBERS_PER_ROW !== 0 || rows.length / NUMBERS_PER_ROW > most)
    throw unreadable('there are too many rows, or half of one');
  const amounts = amountsIn(tables.many, rows.length / NUMBERS_PER_ROW);
  const picks = picksIn(tables, most);
  const evaluations: RecordedEvaluation[] = [];
  let time = start;
  for (let at = 0; at < rows.length; at += NUMBERS_PER_ROW) {
    time += wholeIn(rows[at], 'time');
    if (time < start || time >= start + HOUR_MS) throw unreadable('a row is of another hour');
    const { revision, source, client } = itemAt(kinds, rows[at + 1], 'kind');
    const subject = itemAt(subjects, rows[at + 2], 'subject');
    const { count, weight } = amounts.get(at / NUMBERS_PER_ROW) ?? ONE;
    const what = wholeIn(rows[at + 3], 'outcome');
    const answered = what < 0 ? itemAt(picks, -1 - what, 'pick') : undefined;
    if (evaluations.length + (answered?.length ?? 1) > most)
      throw unreadable('there are too many evaluations');
    const rest = { time, revision, source, client, subject, count, weight };
    if (answered === undefined) evaluations.push({ ...itemAt(outcomes, what, 'outcome'), ...rest });
    else for (const outcome of answered) if (outcome !== NOTHING) evaluations.push({ ...outcome, ...rest });
  }
  return evaluations;
}

/** What each pick stands for. There is no use in more of them than in rows, so they may not be longer together. */
function picksIn({ outcomes, lists, picks }: RowTables, most: number): readonly (readonly Listed[])[] {
  const listed = (index: unknown): Listed =>
    index === -1 ? NOTHING : itemAt(outcomes, index, 'outcome of a list');
  const read = lists.map((list) =>
    listIn(list, 'list').map((place) => listIn(place, 'place of a list').map(listed)),
  );
  let left = most;
  return picks.map((value) => {
    const [index, codes] = listIn(value, 'pick');
    const list = itemAt(read, index, 'list');
    left -= list.length;
    if (left < 0) throw unreadable('there are too many evaluations');
    if (typeof codes !== 'string' || codes.length !== list.length)
      throw unreadable('a pick is not as long as its list');
    return list.map((place, at) => {
      const code = codes.charCodeAt(at) - FIRST_CODE;
      if (code < 0 || code >= place.length) throw unreadable('a pick is not in its list');
      return place[code];
    });
  });
}

function amountsIn(many: Entry, rows: number): ReadonlyMap<number, Amount> {
  if (many.length % 3 !== 0) throw unreadable('a count is not complete');
  const amounts = new Map<number, Amount>();
  for (let at = 0; at < many.length; at += 3) {
    const row = countIn(many[at], 'row');
    if (row >= rows || amounts.has(row)) throw unreadable('a count is of no row, or of one that has one');
    const weight = numberIn(many[at + 2], 'weight');
    if (weight < 1) throw unreadable('a weight is below 1');
    amounts.set(row, { count: positiveIn(many[at + 1], 'count'), weight });
  }
  return amounts;
}

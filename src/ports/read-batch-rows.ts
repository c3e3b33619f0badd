import { countIn, type Entry, itemAt, listIn, numberIn, positiveIn, unreadable } from './batch-fields.ts';
import { CODES_PER_CHARACTER, FIRST_CODE, HOUR_MS, MOST_CODES } from './batch-tables.ts';
import type { RecordedEvaluation } from './exposure-store.ts';
import { rowsIn } from './row-text.ts';

type OutcomeFields = Pick<
  RecordedEvaluation,
  'flag' | 'flagVersion' | 'variation' | 'reason' | 'ruleId' | 'errorCode'
>;
type KindFields = Pick<RecordedEvaluation, 'revision' | 'source' | 'client'>;

/** In a list: an answer that was not to be recorded. */
const NOTHING = undefined;
type Listed = OutcomeFields | typeof NOTHING;

/** The tables that rows are made of; what is not read yet is `Entry`. */
export interface RowTables {
  /** When the hour began. */
  readonly start: number;
  readonly outcomes: readonly Listed[];
  readonly kinds: readonly KindFields[];
  readonly subjects: readonly string[];
  readonly lists: Entry;
  readonly picks: Entry;
  readonly rows: string;
  readonly many: Entry;
}

type Amount = Pick<RecordedEvaluation, 'count' | 'weight'>;

/** How many bits a code has. */
const CODE_BITS = Math.log2(MOST_CODES);

const ONE: Amount = { count: 1, weight: 1 };

/** The evaluations one by one, in their order. Throws `invalid` before making more than `most`. */
export function evaluationsIn(tables: RowTables, most: number): readonly RecordedEvaluation[] {
  const { start, outcomes, kinds, subjects } = tables;
  const rows = rowsIn(tables.rows, most);
  const amounts = amountsIn(tables.many, rows.length);
  const picks = picksIn(tables, most);
  const evaluations: RecordedEvaluation[] = [];
  let time = start;
  for (const [index, [sinceLast, kindIndex, subjectIndex, what]] of rows.entries()) {
    time += sinceLast;
    if (time < start || time >= start + HOUR_MS) throw unreadable('a row is of another hour');
    const { revision, source, client } = itemAt(kinds, kindIndex, 'kind');
    const subject = itemAt(subjects, subjectIndex, 'subject');
    const { count, weight } = amounts.get(index) ?? ONE;
    const answered = what < 0 ? itemAt(picks, -1 - what, 'pick') : undefined;
    if (evaluations.length + (answered?.length ?? 1) > most)
      throw unreadable('there are too many evaluations');
    const rest = { time, revision, source, client, subject, count, weight };
    if (answered === undefined) evaluations.push({ ...toldAt(outcomes, what), ...rest });
    else for (const outcome of answered) if (outcome !== NOTHING) evaluations.push({ ...outcome, ...rest });
  }
  return evaluations;
}

function toldAt(outcomes: readonly Listed[], index: number): OutcomeFields {
  const outcome = outcomes[index];
  if (outcome === NOTHING) throw unreadable('a row has no outcome');
  return outcome;
}

/** What each pick stands for. There is no use in more of them than in rows, so they may not be longer together. */
function picksIn({ outcomes, lists, picks }: RowTables, most: number): readonly (readonly Listed[])[] {
  let room = most;
  const read = lists.map((value) => {
    const list = placesIn(value, outcomes.length);
    room -= list.length;
    if (room < 0) throw unreadable('there are too many places');
    return list;
  });
  let left = most;
  return picks.map((value) => {
    const [index, text] = listIn(value, 'pick');
    const list = itemAt(read, index, 'list');
    left -= list.length;
    if (left < 0) throw unreadable('there are too many evaluations');
    const codeAt = codesIn(text, list.length);
    return list.map(({ first, count }, place) => {
      const code = codeAt(place);
      if (code >= count) throw unreadable('a pick is not in its list');
      return outcomes[first + code];
    });
  });
}

interface Place {
  /** The index of its first outcome. */
  readonly first: number;
  readonly count: number;
}

function placesIn(value: unknown, outcomes: number): readonly Place[] {
  const [start, counts] = listIn(value, 'list');
  let next = countIn(start, 'first outcome of a list');
  return listIn(counts, 'counts of a list').map((value) => {
    const first = next;
    const count = countIn(value, 'count of outcomes');
    next += count;
    if (next > outcomes) throw unreadable('a list is longer than the outcomes');
    return { first, count };
  });
}

/** Says the code of each of so many places. */
function codesIn(text: unknown, places: number): (place: number) => number {
  const perBit = Math.ceil(places / CODES_PER_CHARACTER);
  if (
    typeof text !== 'string' ||
    text.length > perBit * CODE_BITS ||
    (perBit > 0 && text.length % perBit !== 0)
  )
    throw unreadable('a pick is not as long as its list');
  const bits = perBit === 0 ? 0 : text.length / perBit;
  return (place) => {
    let code = 0;
    for (let bit = 0; bit < bits; bit++) {
      const character = text.charCodeAt(bit * perBit + Math.floor(place / CODES_PER_CHARACTER)) - FIRST_CODE;
      if (character < 0 || character >= 2 ** CODES_PER_CHARACTER)
        throw unreadable('a pick has no such character');
      code |= ((character >> (place % CODES_PER_CHARACTER)) & 1) << bit;
    }
    return code;
  };
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

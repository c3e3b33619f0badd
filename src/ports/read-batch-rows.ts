import { countIn, type Entry, itemAt, listIn, numberIn, positiveIn, unreadable } from './batch-fields.ts';
import { CODES_PER_CHARACTER, FIRST_CODE, HOUR_MS, MOST_CODES } from './batch-tables.ts';
import type { RecordedEvaluation } from './exposure-store.ts';
import { type Inflate, listsIn, type OutcomeFields, type Place } from './read-batch-outcomes.ts';
import { rowsIn } from './row-text.ts';

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
  readonly rows: string;
  readonly many: Entry;
}

type Amount = Pick<RecordedEvaluation, 'count' | 'weight'>;

/** How many bits a code has. */
const CODE_BITS = Math.log2(MOST_CODES);

const ONE: Amount = { count: 1, weight: 1 };

/** The evaluations one by one, in their order. Throws `invalid` before making more than `most`. */
export function evaluationsIn(
  tables: RowTables,
  most: number,
  inflate: Inflate,
): readonly RecordedEvaluation[] {
  const { start, outcomes, kinds, subjects } = tables;
  const rows = rowsIn(tables.rows, most);
  const amounts = amountsIn(tables.many, rows.length);
  const picks = picksIn(tables, most, inflate);
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
    if (answered === undefined) evaluations.push({ ...itemAt(outcomes, what, 'outcome'), ...rest });
    else for (const outcome of answered) if (outcome !== undefined) evaluations.push({ ...outcome, ...rest });
  }
  return evaluations;
}

/** What each pick stands for. There is no use in more of them than in rows, so they may not be longer together. */
function picksIn({ lists, picks }: RowTables, most: number, inflate: Inflate): readonly Place[] {
  const read = listsIn(lists, most, inflate);
  let left = most;
  return picks.map((value) => {
    const [index, text] = listIn(value, 'pick');
    const list = itemAt(read, index, 'list');
    left -= list.length;
    if (left < 0) throw unreadable('there are too many evaluations');
    const codeAt = codesIn(text, list.length);
    return list.map((place, at) => {
      const code = codeAt(at);
      if (code >= place.length) throw unreadable('a pick is not in its list');
      return place[code];
    });
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

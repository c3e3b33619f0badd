import { HOUR_MS } from '../../ports/batch-check.ts';
import type { RecordedEvaluation, RecordedPlace, StoredEvaluation } from '../../ports/exposure-store.ts';
import { entryIn } from './exposure-cells.ts';
import { documentChunks } from './exposure-chunks.ts';
import type { OpenPart } from './exposure-content.ts';
import { type AnswerEntry, FORMAT, type RowsDocument } from './exposure-documents.ts';
import { openTurns } from './exposure-turns.ts';

/** What one document holds at most. */
const CHUNK_ROWS = 10_000;
/** Where there are more, their hour is cut into slices of time, so that whoever goes through them need not read it all. */
const SLICE_ROWS = 20_000;
/** Of the number of a row in its name. */
const DIGITS = 5;

/** An evaluation, and which one of its batch it is. */
export interface NumberedRow {
  readonly batch: string;
  readonly number: number;
  readonly evaluation: RecordedEvaluation;
}

/** Where documents of one roll belong. */
export interface RollPlace {
  readonly place: RecordedPlace;
  readonly hour: number;
  readonly roll: string;
}

export function numberedRows({ id, evaluations }: OpenPart): NumberedRow[] {
  return evaluations.map((evaluation, number) => ({ batch: id, number, evaluation }));
}

/** Names are in the order of the batch's own name, then of numbers. */
export function storedRow({ batch, number, evaluation }: NumberedRow): StoredEvaluation {
  return { ...evaluation, id: `${batch}:${String(number).padStart(DIGITS, '0')}` };
}

export function compareRows(a: NumberedRow, b: NumberedRow): number {
  if (a.evaluation.time !== b.evaluation.time) return a.evaluation.time - b.evaluation.time;
  if (a.batch !== b.batch) return a.batch < b.batch ? -1 : 1;
  return a.number - b.number;
}

/** The documents of these rows: one for each flag, or several where there are many. */
export async function rowsDocuments(at: RollPlace, rows: readonly NumberedRow[]): Promise<RowsDocument[]> {
  const turn = openTurns();
  const sliceMs = HOUR_MS / Math.ceil(rows.length / SLICE_ROWS);
  const groups = new Map<string, NumberedRow[]>();
  for (const row of rows) {
    const { time, flag } = row.evaluation;
    entryIn(groups, `${Math.floor((time % HOUR_MS) / sliceMs)} ${flag}`, () => [] as NumberedRow[]).push(row);
    await turn(1);
  }
  const documents: RowsDocument[] = [];
  for (const own of groups.values())
    for (const chunk of documentChunks(own.sort(compareRows), CHUNK_ROWS, charactersIn)) {
      const _id = `${at.roll}/${documents.length}`;
      documents.push({ _id, ...documentOf(at, own[0]?.evaluation.flag ?? '', chunk) });
      await turn(chunk.length);
    }
  return documents;
}

/** The same document with other rows in it. */
export function withRows(document: RowsDocument, rows: readonly NumberedRow[]): RowsDocument {
  const { _id, project, environment, hour, roll, flag, edition } = document;
  const at = { place: { project, environment }, hour, roll };
  return { ...documentOf(at, flag, rows), _id, edition: edition + 1 };
}

export function rowsIn({ flag, answers, origins, batches, rows }: RowsDocument): NumberedRow[] {
  const { time, answer, subject, origin, batch, number, count, weight } = rows;
  return time.map((at, index) => {
    const given = answers[answer[index] ?? -1];
    const from = origins[origin[index] ?? -1];
    const evaluation = {
      ...{ time: at, flag, ...given, subject: subject[index], ...from },
      ...{ count: count[index], weight: weight[index] },
    };
    return {
      ...{ batch: batches[batch[index] ?? -1] ?? '', number: number[index] ?? 0 },
      evaluation: evaluation as RecordedEvaluation,
    };
  });
}

function documentOf(
  { place, hour, roll }: RollPlace,
  flag: string,
  rows: readonly NumberedRow[],
): Omit<RowsDocument, '_id'> {
  const answers = new Table<AnswerEntry>();
  const origins = new Table<RowsDocument['origins'][number]>();
  const batches = new Table<string>();
  const told = rows.map(({ evaluation }) => evaluation);
  return {
    ...{ format: FORMAT, ...place, hour, roll, flag, edition: 0 },
    ...{ from: told[0]?.time ?? 0, to: told.at(-1)?.time ?? 0 },
    rows: {
      time: told.map(({ time }) => time),
      answer: told.map((one) => answers.indexOf(answerIn(one))),
      subject: told.map(({ subject }) => subject),
      origin: told.map(({ source, client }) => origins.indexOf({ source, client })),
      batch: rows.map(({ batch }) => batches.indexOf(batch)),
      number: rows.map(({ number }) => number),
      count: told.map(({ count }) => count),
      weight: told.map(({ weight }) => weight),
    },
    ...{ answers: answers.all, origins: origins.all, batches: batches.all },
  };
}

function answerIn({
  variation,
  reason,
  ruleId,
  flagVersion,
  revision,
  errorCode,
}: RecordedEvaluation): AnswerEntry {
  const known = { variation, reason, ruleId, flagVersion, revision };
  return errorCode === undefined ? known : { ...known, errorCode };
}

/** Says each thing once. */
class Table<T> {
  readonly all: T[] = [];
  readonly #indexes = new Map<string, number>();

  indexOf(item: T): number {
    const key = typeof item === 'string' ? item : JSON.stringify(item);
    const known = this.#indexes.get(key);
    if (known !== undefined) return known;
    this.#indexes.set(key, this.all.length);
    return this.all.push(item) - 1;
  }
}

/** What is said of a row in its own words: in the worst case nothing of it is said twice. */
function charactersIn({ evaluation: { subject, client, ruleId, variation } }: NumberedRow): number {
  return subject.length + client.length + ruleId.length + variation.length;
}

import { HOUR_MS } from '../../ports/batch-check.ts';
import type { ExposureStore, RecordedPlace, RowQuery } from '../../ports/exposure-store.ts';
import type { ExposureCollections } from './exposure-collections.ts';
import { acknowledged, type HourRange } from './exposure-hours.ts';
import type { Pages } from './exposure-pages.ts';
import {
  compareRows,
  type NumberedRow,
  numberedRows,
  rowsIn as rowsInDocument,
  storedRow,
} from './exposure-rows.ts';
import { subjectId } from './exposure-subjects.ts';
import type { HourView, Views } from './exposure-view.ts';
import type { Mongo } from './open-mongo.ts';

/** So many hours are looked at first, so many times as many next; all that is left, once that would be more. */
const FIRST_HOURS = 6;
const GROWTH = 4;
const MOST_HOURS = 1_000;
/** Documents that are read at once. */
const CHUNK = 20;

/** Evaluations one by one. */
export function openRowPages(
  mongo: Mongo,
  { subjects }: ExposureCollections,
  views: Views,
  pages: Pages,
): Pick<ExposureStore, 'rows'> {
  /** Where there may be rows of the subject. */
  async function hoursOf(place: RecordedPlace, subject: string | undefined) {
    // Nobody notes where those are who have no name.
    if (subject === undefined || subject === '') return undefined;
    const found = await mongo.run((reading) =>
      subjects.findOne({ _id: subjectId(place, subject) }, acknowledged(reading)),
    );
    return new Set(found?.hours);
  }

  async function rowsOf({ rolls, parts }: HourView, query: RowQuery, needed: number): Promise<NumberedRow[]> {
    const { from, to, flag, subject, after } = query;
    const isWanted = wanted(query);
    let rows = parts.flatMap(numberedRows).filter(isWanted).sort(compareRows);
    const first = Math.max(from, after?.time ?? from);
    const about = {
      ...{ from: first, to },
      ...(flag !== undefined && { flag }),
      ...(subject !== undefined && { subject }),
    };
    const documents = await pages.rowsFrom(rolls, about);
    for (let index = 0; index < documents.length; index += CHUNK) {
      const last = rows[needed - 1];
      if (last !== undefined && last.evaluation.time < (documents[index]?.from ?? 0)) break;
      const ids = documents.slice(index, index + CHUNK).map(({ _id }) => _id);
      for (const document of await pages.rows(ids)) rows.push(...rowsInDocument(document).filter(isWanted));
      rows = rows.sort(compareRows).slice(0, needed);
    }
    return rows.slice(0, needed);
  }

  async function rowsIn(
    hours: readonly HourView[],
    own: ReadonlySet<number> | undefined,
    query: RowQuery,
    needed: number,
  ): Promise<NumberedRow[]> {
    const found: NumberedRow[] = [];
    for (const view of hours) {
      if (found.length >= needed) break;
      if (own?.has(view.hour) === false && view.parts.length === 0 && !view.isUnnoted) continue;
      for (const row of await rowsOf(view, query, needed - found.length)) found.push(row);
    }
    return found;
  }

  return {
    async rows(place, query) {
      const { from, to, after, subject, limit } = query;
      if (limit <= 0) return [];
      const first = Math.floor(Math.max(from, after?.time ?? from) / HOUR_MS);
      const found: NumberedRow[] = [];
      // A batch is in one hour. Whoever goes through all rows need not have all hours looked at for each page.
      for (const range of growing({ from: first, to: Math.ceil(to / HOUR_MS) })) {
        const needed = limit - found.length;
        const more = await views.look(place, range, async (hours) =>
          rowsIn(hours, await hoursOf(place, subject), query, needed),
        );
        for (const row of more) found.push(row);
        if (found.length >= limit) break;
      }
      return found.map(storedRow);
    },
  };
}

/** The range in pieces, each longer than the one before; in one, if it is about all hours there could ever be. */
function* growing({ from, to }: HourRange): Generator<HourRange> {
  let length = FIRST_HOURS;
  for (let start = from; start < to; length *= GROWTH) {
    const end = length > MOST_HOURS ? to : Math.min(start + length, to);
    yield { from: start, to: end };
    start = end;
  }
}

function wanted({ from, to, flag, subject, after }: RowQuery): (row: NumberedRow) => boolean {
  return (row) => {
    const { time, flag: of, subject: who } = row.evaluation;
    if (time < from || time >= to) return false;
    if ((flag !== undefined && of !== flag) || (subject !== undefined && who !== subject)) return false;
    if (after === undefined || time > after.time) return true;
    return time === after.time && storedRow(row).id > after.id;
  };
}

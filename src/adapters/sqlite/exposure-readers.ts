import type { StatementSync } from 'node:sqlite';
import type { JsonObject } from '../../core/model.ts';
import type { ErrorCode, Reason } from '../../core/outcome.ts';
import type {
  ContextSample,
  ExposureSource,
  ExposureStore,
  FlagActivity,
  Period,
  RecordedContext,
  RecordedPlace,
  RowQuery,
  SeriesPoint,
  Step,
  StoredEvaluation,
} from '../../ports/exposure-store.ts';
import { numberOf, type Row, textOf } from './columns.ts';
import { STEPS, tableOf } from './exposure-sums.ts';
import type { Database } from './open-database.ts';

const ID_DIGITS = 16;
/** To SQLite. */
const NO_LIMIT = -1;

type SeriesQuery = Parameters<ExposureStore['series']>[1];

/** What the store says, each in one query or, if it takes several, of one moment: to be called in a transaction. */
export interface ExposureReaders {
  series(place: RecordedPlace, query: SeriesQuery): readonly SeriesPoint[];
  activity(place: RecordedPlace, period: Period): readonly FlagActivity[];
  contexts(place: RecordedPlace, query: Period & { limit: number }): ContextSample;
  lastVariations(
    place: RecordedPlace,
    flag: string,
    subjects: readonly string[],
  ): ReadonlyMap<string, string>;
  rows(place: RecordedPlace, query: RowQuery): readonly StoredEvaluation[];
}

const PLACE = '(SELECT id FROM places WHERE project = ? AND environment = ?)';

export function exposureReaders(database: Database): ExposureReaders {
  const series = new Map(STEPS.map((step) => [step, database.prepare(seriesSql(step))]));
  const activity = database.prepare(
    `SELECT flag, last_at, (SELECT COALESCE(SUM(count), 0) FROM hours
       WHERE hours.flag = flags.id AND at >= ? AND at < ?) AS count
     FROM flags WHERE place = ${PLACE} AND last_at IS NOT NULL ORDER BY flag`,
  );
  const countContexts = database.prepare(
    `SELECT COUNT(*) AS total FROM subjects INDEXED BY subjects_shuffled
     WHERE place = ${PLACE} AND seen_at >= ? AND seen_at < ?`,
  );
  const drawContexts = database.prepare(
    `SELECT subject, attributes, seen_at FROM subjects INDEXED BY subjects_shuffled
     WHERE place = ${PLACE} AND seen_at >= ? AND seen_at < ? ORDER BY shuffle, id LIMIT ?`,
  );
  const lastVariation = database.prepare(
    `SELECT variation FROM last_variations
     WHERE subject = (SELECT id FROM subjects WHERE place = ${PLACE} AND subject = ?)
       AND flag = (SELECT id FROM flags WHERE place = ${PLACE} AND flag = ?)
     ORDER BY last_at DESC, variation DESC LIMIT 1`,
  );
  const rows = new Map<string, StatementSync>();

  return {
    series({ project, environment }, { from, to, step, flag = null, limit = NO_LIMIT }) {
      const points = series.get(step)?.all(project, environment, flag, flag, from, to, limit) ?? [];
      return points.map(pointOf);
    },
    activity: ({ project, environment }, { from, to }) =>
      activity.all(from, to, project, environment).map(activityOf),
    contexts({ project, environment }, { from, to, limit }) {
      const period = [project, environment, from, to] as const;
      const total = numberOf(countContexts.get(...period) ?? {}, 'total');
      return { total, contexts: drawContexts.all(...period, limit).map(contextOf) };
    },
    lastVariations({ project, environment }, flag, subjects) {
      const last = new Map<string, string>();
      for (const subject of subjects) {
        const row = lastVariation.get(project, environment, subject, project, environment, flag);
        if (row !== undefined) last.set(subject, textOf(row, 'variation'));
      }
      return last;
    },
    rows(place, query) {
      const { sql, values } = rowsSql(place, query);
      const statement = rows.get(sql) ?? database.prepare(sql);
      rows.set(sql, statement);
      return statement.all(...values).map(storedOf);
    },
  };
}

function seriesSql(step: Step): string {
  return `SELECT at, flags.flag AS flag, variation, reason, count, estimate
    FROM flags CROSS JOIN ${tableOf(step)} AS sums ON sums.flag = flags.id
    WHERE flags.place = ${PLACE} AND (? IS NULL OR flags.flag = ?) AND at >= ? AND at < ?
    ORDER BY at, flags.flag, variation, reason LIMIT ?`;
}

/** By whichever index has the rows in the order of time. */
function rowsSql(place: RecordedPlace, { from, to, flag, subject, after, limit }: RowQuery) {
  // A search begins at a bound of the time: not at one of two columns together.
  const first = Math.max(from, after?.time ?? from);
  const values: (string | number)[] = [first, to, after?.time ?? -1, Number(after?.id ?? -1)];
  const conditions = ['e.time >= ? AND e.time < ? AND (e.time, e.id) > (?, ?)'];
  const where = (condition: string, ...more: string[]) => {
    conditions.push(condition);
    values.push(place.project, place.environment, ...more);
  };
  if (subject !== undefined && subject !== '')
    where(`e.subject = (SELECT id FROM subjects WHERE place = ${PLACE} AND subject = ?)`, subject);
  if (subject === '') conditions.push('e.subject = 0');
  if (flag !== undefined) where(`e.flag = (SELECT id FROM flags WHERE place = ${PLACE} AND flag = ?)`, flag);
  else where(`e.place = ${PLACE}`);
  const sql = `SELECT e.id, e.time, f.flag, a.flag_version, e.revision, a.variation, a.reason, a.error_code, a.rule_id,
      s.subject, o.source, o.client, e.count, e.weight
    FROM evaluations AS e ${indexFor(flag, subject)}
      CROSS JOIN answers AS a ON a.id = e.answer CROSS JOIN flags AS f ON f.id = e.flag
      CROSS JOIN origins AS o ON o.id = e.origin CROSS JOIN subjects AS s ON s.id = e.subject
    WHERE ${conditions.join(' AND ')} ORDER BY e.time, e.id LIMIT ?`;
  return { sql, values: [...values, limit] };
}

function indexFor(flag: string | undefined, subject: string | undefined): string {
  if (subject !== undefined && subject !== '') return 'INDEXED BY evaluations_by_subject';
  return flag === undefined ? 'INDEXED BY evaluations_by_time' : 'NOT INDEXED';
}

function pointOf(row: Row): SeriesPoint {
  return {
    at: numberOf(row, 'at'),
    flag: textOf(row, 'flag'),
    variation: textOf(row, 'variation'),
    reason: textOf(row, 'reason') as Reason,
    count: numberOf(row, 'count'),
    estimate: numberOf(row, 'estimate'),
  };
}

function activityOf(row: Row): FlagActivity {
  return { flag: textOf(row, 'flag'), lastAt: numberOf(row, 'last_at'), count: numberOf(row, 'count') };
}

function contextOf(row: Row): RecordedContext {
  return {
    subject: textOf(row, 'subject'),
    attributes: JSON.parse(textOf(row, 'attributes')) as JsonObject,
    seenAt: numberOf(row, 'seen_at'),
  };
}

function storedOf(row: Row): StoredEvaluation {
  const errorCode = textOf(row, 'error_code');
  return {
    id: String(numberOf(row, 'id')).padStart(ID_DIGITS, '0'),
    time: numberOf(row, 'time'),
    flag: textOf(row, 'flag'),
    flagVersion: numberOf(row, 'flag_version'),
    revision: numberOf(row, 'revision'),
    variation: textOf(row, 'variation'),
    reason: textOf(row, 'reason') as Reason,
    ...(errorCode !== '' && { errorCode: errorCode as ErrorCode }),
    ruleId: textOf(row, 'rule_id'),
    subject: textOf(row, 'subject'),
    source: textOf(row, 'source') as ExposureSource,
    client: textOf(row, 'client'),
    count: numberOf(row, 'count'),
    weight: numberOf(row, 'weight'),
  };
}

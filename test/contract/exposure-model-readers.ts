import { createHash } from 'node:crypto';
import type {
  ContextSample,
  ExposureStore,
  FlagActivity,
  OutcomeQuery,
  Period,
  RecordedEvent,
  RecordedPlace,
  RowQuery,
  SeriesPoint,
  StoredEvaluation,
  VariationOutcome,
} from '../../src/ports/exposure-store.ts';
import { isOf, type ModelState, type Placed, startOf } from './exposure-model.ts';
import { inCodePointOrder } from './samples.ts';

export function modelSeries(
  state: ModelState,
  place: RecordedPlace,
  { from, to, step, flag, limit }: Parameters<ExposureStore['series']>[1],
): SeriesPoint[] {
  const points = new Map<string, SeriesPoint>();
  for (const one of state[`${step}s`]) {
    const at = startOf(one.time, step);
    if (!isOf(place, one) || at < from || at >= to || (flag !== undefined && one.flag !== flag)) continue;
    const { variation, reason, count, weight } = one;
    const key = JSON.stringify([at, one.flag, variation, reason]);
    const point = points.get(key) ?? { at, flag: one.flag, variation, reason, count: 0, estimate: 0 };
    points.set(key, {
      ...point,
      count: point.count + count,
      estimate: point.estimate + count * weight,
    });
  }
  const sorted = [...points.values()].sort(
    (a, b) =>
      a.at - b.at ||
      byCodePoints(a.flag, b.flag) ||
      byCodePoints(a.variation, b.variation) ||
      byCodePoints(a.reason, b.reason),
  );
  return sorted.slice(0, limit);
}

export function modelActivity(state: ModelState, place: RecordedPlace, { from, to }: Period): FlagActivity[] {
  const here = state.hours.filter((one) => isOf(place, one));
  return inCodePointOrder([...new Set(here.map(({ flag }) => flag))]).map((flag) => {
    const times = here.filter((one) => one.flag === flag);
    const inPeriod = times.filter(({ time }) => startOf(time, 'hour') >= from && startOf(time, 'hour') < to);
    return {
      flag,
      lastAt: Math.max(...times.map(({ time }) => time)),
      count: inPeriod.reduce((sum, { count }) => sum + count, 0),
    };
  });
}

export function modelOutcomes(
  state: ModelState,
  place: RecordedPlace,
  query: OutcomeQuery,
): VariationOutcome[] {
  const { from, to, flag, kinds, event, ruleId } = query;
  const isIn = ({ time }: { readonly time: number }) => time >= from && time < to;
  const told = state.rows.filter((row) => isOf(place, row) && isIn(row) && row.flag === flag);
  const rows = told.filter((row) => ruleId === undefined || row.ruleId === ruleId);
  const events = state.events.filter(
    (one) =>
      isOf(place, one) &&
      isIn(one) &&
      (one.flag === undefined || one.flag === flag) &&
      (kinds === undefined || kinds.includes(one.kind)) &&
      (event === undefined || one.event === event),
  );
  return inCodePointOrder([...new Set(rows.map(({ variation }) => variation))]).map((variation) =>
    outcomeOf(variation, rows, told, events),
  );
}

function outcomeOf(
  variation: string,
  allRows: readonly StoredEvaluation[],
  told: readonly StoredEvaluation[],
  allEvents: readonly Placed<RecordedEvent>[],
): VariationOutcome {
  const rows = allRows.filter((row) => row.variation === variation);
  const subjects = new Set(rows.map(({ subject }) => subject).filter((subject) => subject !== ''));
  const counted = { affected: 0, events: 0, sum: 0, sumOfSquares: 0 };
  for (const subject of subjects) {
    const isLast = ({ time }: { readonly time: number }) => {
      const before = told.filter((row) => row.subject === subject && row.time <= time);
      const lastAt = Math.max(...before.map((row) => row.time));
      return rows.some((row) => row.subject === subject && row.time === lastAt);
    };
    const theirs = allEvents.filter((one) => one.subject === subject && isLast(one));
    if (theirs.length === 0) continue;
    const sum = theirs.reduce((total, { value = 0, count }) => total + value * count, 0);
    counted.affected += 1;
    counted.events += theirs.reduce((total, { count }) => total + count, 0);
    counted.sum += sum;
    counted.sumOfSquares += sum * sum;
  }
  const evaluations = rows.reduce((total, { count }) => total + count, 0);
  return { variation, subjects: subjects.size, evaluations, ...counted };
}

/** Whoever has the lowest digest is drawn first. */
export function modelContexts(
  state: ModelState,
  place: RecordedPlace,
  { from, to, limit }: Period & { readonly limit: number },
): ContextSample {
  const seen = state.contexts.filter((one) => isOf(place, one) && one.seenAt >= from && one.seenAt < to);
  const digestOf = ({ subject }: { readonly subject: string }) =>
    createHash('sha256').update(subject).digest();
  const contexts = seen
    .map(({ subject, attributes, seenAt }) => ({ subject, attributes, seenAt }))
    .sort((a, b) => Buffer.compare(digestOf(a), digestOf(b)));
  return { total: seen.length, contexts: contexts.slice(0, limit) };
}

export function modelRows(state: ModelState, place: RecordedPlace, query: RowQuery): StoredEvaluation[] {
  const { from, to, flag, subject, after, limit } = query;
  const isWanted = (row: Placed<StoredEvaluation>) =>
    isOf(place, row) &&
    row.time >= from &&
    row.time < to &&
    (flag === undefined || row.flag === flag) &&
    (subject === undefined || row.subject === subject) &&
    (after === undefined || row.time > after.time || (row.time === after.time && row.id > after.id));
  return state.rows
    .filter(isWanted)
    .sort((a, b) => a.time - b.time || (a.id < b.id ? -1 : 1))
    .slice(0, limit)
    .map(({ project, environment, ...row }) => row);
}

function byCodePoints(a: string, b: string): number {
  return Buffer.compare(Buffer.from(a), Buffer.from(b));
}

import { FlagError } from '../../core/errors.ts';
import type { Reason } from '../../core/outcome.ts';
import type { ExposureStore, Period, RecordedPlace, SeriesPoint, Step } from '../../ports/exposure-store.ts';
import { inWholeSteps, readableStep } from './period.ts';

const MAX_POINTS = 20_000;
/** Some seconds of work for a store. */
const COUNTED_ONE_BY_ONE = 2_000_000;
/** Of what was counted, what must still be there row by row. */
const KEPT_ENOUGH = 0.9;

/** How often a flag answered one variation for one reason. Steps without evaluations are left out. */
export interface EvaluationSeries {
  readonly flag: string;
  readonly variation: string;
  readonly reason: Reason;
  readonly points: readonly Pick<SeriesPoint, 'at' | 'count' | 'estimate'>[];
}

export interface VariationTotal {
  readonly flag: string;
  readonly variation: string;
  readonly count: number;
  readonly estimate: number;
  /**
   * Distinct ones who got it; absent if several flags were asked for, or one with more than two million evaluations or with
   * a tenth of them not kept row by row any more.
   */
  readonly subjects?: number;
}

export interface EvaluationHistory {
  /** By flag, variation and reason, in code point order. */
  readonly series: readonly EvaluationSeries[];
  /** By flag and variation, in code point order. */
  readonly totals: readonly VariationTotal[];
  readonly step: Step;
  readonly period: Period;
}

/**
 * Without a step: one that makes a readable chart, or a longer one if that would be too many points or none. Rejects with
 * `exhausted` if it would be more than 20000 points nevertheless.
 */
export async function evaluationHistory(
  store: Pick<ExposureStore, 'series' | 'outcomes'>,
  place: RecordedPlace,
  asked: Period & { readonly flag?: string; readonly step?: Step },
): Promise<EvaluationHistory> {
  const { flag } = asked;
  const { points, step, period } = await pointsOf(store, place, asked);
  const sums = totalsOf(points);
  const subjects = flag === undefined ? undefined : await subjectsOf(store, place, { ...period, flag }, sums);
  const totals =
    subjects === undefined
      ? sums
      : sums.map((total) => ({ ...total, subjects: subjects.get(total.variation) ?? 0 }));
  return { series: seriesOf(points), totals, step, period };
}

async function pointsOf(
  store: Pick<ExposureStore, 'series'>,
  place: RecordedPlace,
  asked: Period & { readonly flag?: string; readonly step?: Step },
) {
  const { flag } = asked;
  for (let step = asked.step ?? readableStep(asked); ; ) {
    const period = inWholeSteps(asked, step);
    const query = { ...period, step, limit: MAX_POINTS + 1 };
    const points = await store.series(place, flag === undefined ? query : { ...query, flag });
    // Where there is nothing by the minute, minutes may be forgotten already.
    const isTold = points.length > 0 || step !== 'minute' || asked.step !== undefined;
    if (points.length <= MAX_POINTS && isTold) return { points, step, period };
    if (asked.step !== undefined || step === 'day')
      throw new FlagError('exhausted', `that is more than ${MAX_POINTS} points`, {
        reason: 'TOO_MANY_POINTS',
      });
    step = step === 'minute' ? 'hour' : 'day';
  }
}

/** Distinct subjects by variation; undefined if there is too much to look through it row by row, or if rows are gone. */
async function subjectsOf(
  store: Pick<ExposureStore, 'outcomes'>,
  place: RecordedPlace,
  query: Period & { readonly flag: string },
  totals: readonly VariationTotal[],
): Promise<ReadonlyMap<string, number> | undefined> {
  const counted = totals.reduce((sum, { count }) => sum + count, 0);
  if (counted > COUNTED_ONE_BY_ONE) return undefined;
  const outcomes = await store.outcomes(place, { ...query, kinds: [] });
  const kept = outcomes.reduce((sum, { evaluations }) => sum + evaluations, 0);
  // Some people may have been erased; but those of a month are not those of a year.
  if (kept < counted * KEPT_ENOUGH) return undefined;
  return new Map(outcomes.map(({ variation, subjects }) => [variation, subjects]));
}

/** Sums over all reasons and steps, by flag and variation in code point order. */
export function totalsOf(
  points: readonly Pick<SeriesPoint, 'flag' | 'variation' | 'count' | 'estimate'>[],
): VariationTotal[] {
  return grouped(points, ({ flag, variation }) => [flag, variation]).map((group) => ({
    flag: group[0].flag,
    variation: group[0].variation,
    count: group.reduce((sum, { count }) => sum + count, 0),
    estimate: group.reduce((sum, { estimate }) => sum + estimate, 0),
  }));
}

function seriesOf(points: readonly SeriesPoint[]): EvaluationSeries[] {
  return grouped(points, ({ flag, variation, reason }) => [flag, variation, reason]).map((group) => {
    const { flag, variation, reason } = group[0];
    return {
      flag,
      variation,
      reason,
      points: group.map(({ at, count, estimate }) => ({ at, count, estimate })),
    };
  });
}

type Group<Point> = readonly [Point, ...Point[]];

/** Those with equal names together, in the order of the names; within a group as they came. */
function grouped<Point>(points: readonly Point[], namesOf: (point: Point) => string[]): Group<Point>[] {
  const groups = new Map<string, [Point, ...Point[]]>();
  for (const point of points) {
    const name = namesOf(point).join('\0');
    const group = groups.get(name);
    if (group === undefined) groups.set(name, [point]);
    else group.push(point);
  }
  return [...groups].sort(([a], [b]) => (a < b ? -1 : 1)).map(([, group]) => group);
}

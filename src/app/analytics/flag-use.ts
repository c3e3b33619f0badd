import type { Flag, Instant } from '../../core/model.ts';
import { DAY_MS } from '../../core/time.ts';
import type { ExposureStore, FlagActivity, Period, RecordedPlace } from '../../ports/exposure-store.ts';
import type { ProjectState } from '../project-state.ts';
import { inWholeSteps } from './period.ts';
import { totalsOf, type VariationTotal } from './series.ts';
import { type RecordsOfUse, recordsOf, warningsOnUse } from './use-records.ts';

const AT_ONCE_MS = 31 * DAY_MS;

export type FlagUse =
  | 'in_use'
  /** Was evaluated once, but not lately. */
  | 'unused'
  /** Was never evaluated, as far as records go back. */
  | 'never'
  /** The same, but it was made so lately that this says nothing. */
  | 'new'
  /** Was evaluated in the period, but does not exist any more or is archived. */
  | 'unknown';

/** What is known of a flag to decide whether it could go. */
export interface UseOfFlag {
  readonly flag: string;
  readonly use: FlagUse;
  /** Epoch milliseconds; absent if it was never evaluated. */
  readonly lastAt?: number;
  /** In the period. */
  readonly evaluations: number;
  /** What it answered in the period, the most frequent first. */
  readonly served: readonly VariationTotal[];
  readonly temporary: boolean;
  readonly removalAt?: Instant;
  readonly removalOverdue: boolean;
  /** Why it is a candidate for removal, in words. */
  readonly remarks: readonly string[];
  /** Flags that are not archived and ask for it, which nobody records. In code point order. */
  readonly prerequisiteOf: readonly string[];
}

export interface UseQuery extends Period {
  readonly unusedDays: number;
}

export interface UsesOfFlags {
  /** Every flag that is not archived or that was evaluated in the period, in code point order. */
  readonly uses: readonly UseOfFlag[];
  /** Why flags may be in use that are not known to be. */
  readonly warnings: readonly string[];
}

/** The period is taken out to whole days. */
export async function useOfFlags(
  store: Pick<ExposureStore, 'activity' | 'series'>,
  state: ProjectState,
  place: RecordedPlace,
  query: UseQuery,
): Promise<UsesOfFlags> {
  const days = inWholeSteps(query, 'day', 'start_time');
  const activity = await store.activity(place, days);
  const { served: all, firstAt } = await servedIn(store, place, days);
  const totals = Map.groupBy(all, ({ flag }) => flag);
  const seen = new Map(activity.map((each) => [each.flag, each]));
  const live = [...state.flags.values()].map(({ state: flag }) => flag).filter(isLive);
  const asked = activity.filter(({ count }) => count > 0).map(({ flag }) => flag);
  const keys = new Set([...live.map(({ key }) => key), ...asked]);
  const records = recordsOf(state, place.environment);
  const uses = [...keys].sort().map((key) => {
    const served = (totals.get(key) ?? []).toSorted((a, b) => b.count - a.count);
    const flag = state.flags.get(key)?.state;
    return useOf({ key, flag, activity: seen.get(key), served, records }, query);
  });
  return { uses, warnings: [...warningsOnUse(records), ...warningsOnStart(firstAt, days)] };
}

/** Where recording began lately, flags that nobody was told of may just not have been asked for since. */
function warningsOnStart(firstAt: number, { from }: Period): string[] {
  if (firstAt < from + 2 * DAY_MS) return [];
  const begin =
    firstAt === Infinity ? 'in this period' : `before ${new Date(firstAt).toISOString().slice(0, 10)}`;
  return [`nothing at all was recorded ${begin}`];
}

/** Month by month, for the points of years would be too many to have at once. */
async function servedIn(
  store: Pick<ExposureStore, 'series'>,
  place: RecordedPlace,
  { from, to }: Period,
): Promise<{ served: VariationTotal[]; firstAt: number }> {
  let served: VariationTotal[] = [];
  let firstAt = Infinity;
  for (let start = from; start < to; start += AT_ONCE_MS) {
    const month = { from: start, to: Math.min(start + AT_ONCE_MS, to) };
    const points = await store.series(place, { ...month, step: 'day' });
    served = totalsOf([...served, ...points]);
    firstAt = Math.min(firstAt, points[0]?.at ?? Infinity);
  }
  return { served, firstAt };
}

interface Known {
  readonly key: string;
  readonly flag: Flag | undefined;
  readonly activity: FlagActivity | undefined;
  readonly served: readonly VariationTotal[];
  readonly records: RecordsOfUse;
}

function useOf({ key, flag, activity, served, records }: Known, query: UseQuery): UseOfFlag {
  const { to, unusedDays } = query;
  const known = flag !== undefined && isLive(flag) ? flag : undefined;
  const use = known === undefined ? 'unknown' : useOfKnown(known, activity, to - unusedDays * DAY_MS);
  const removalAt = known?.removalAt;
  const removalOverdue = removalAt !== undefined && Date.parse(removalAt) <= to;
  const prerequisiteOf = records.prerequisiteOf.get(key) ?? [];
  // Whoever does not ask for it need not be without it.
  const isToldOf = use === 'unknown' || (prerequisiteOf.length === 0 && !records.unrecorded.has(key));
  return {
    ...{ flag: key, use, served, removalOverdue, prerequisiteOf },
    evaluations: activity?.count ?? 0,
    temporary: known?.temporary ?? false,
    ...(activity !== undefined && { lastAt: activity.lastAt }),
    ...(removalAt !== undefined && { removalAt }),
    remarks: [
      ...(isToldOf ? remarksOnUse(use, flag, activity, to) : []),
      ...(removalOverdue ? [`was to be removed by ${removalAt.slice(0, 10)}`] : []),
      ...(records.unrecorded.has(key) ? [] : remarksOnAnswers(known, served)),
    ],
  };
}

function useOfKnown(flag: Flag, activity: FlagActivity | undefined, since: number): FlagUse {
  if (activity !== undefined) return activity.lastAt >= since ? 'in_use' : 'unused';
  return Date.parse(flag.createdAt) > since ? 'new' : 'never';
}

function remarksOnUse(
  use: FlagUse,
  flag: Flag | undefined,
  activity: FlagActivity | undefined,
  to: number,
): string[] {
  switch (use) {
    case 'unused':
      return [`not evaluated for ${Math.floor((to - (activity?.lastAt ?? to)) / DAY_MS)} days`];
    case 'never':
      return ['never evaluated'];
    case 'unknown':
      return [flag === undefined ? 'was evaluated, and is gone' : 'was evaluated, and is archived'];
    case 'in_use':
    case 'new':
      return [];
  }
}

/** A permanent flag that always answers the same is one that waits to be used. */
function remarksOnAnswers(flag: Flag | undefined, served: readonly VariationTotal[]): string[] {
  const [only, ...others] = served;
  if (flag === undefined || !flag.temporary || flag.variations.length < 2) return [];
  if (only === undefined || others.length > 0 || only.variation === '') return [];
  return [`answered ${only.variation} to everybody`];
}

function isLive({ status }: Flag): boolean {
  return status !== 'archived';
}

import type { Flag, Instant } from '../../core/model.ts';
import { DAY_MS } from '../../core/time.ts';
import type { ExposureStore, FlagActivity, Period, RecordedPlace } from '../../ports/exposure-store.ts';
import type { ProjectState } from '../project-state.ts';
import { inWholeSteps } from './period.ts';
import { totalsOf, type VariationTotal } from './series.ts';

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
}

export interface UseQuery extends Period {
  readonly unusedDays: number;
}

/** Every flag that is not archived or that was evaluated in the period, in code point order. The period is taken out to whole days. */
export async function useOfFlags(
  store: Pick<ExposureStore, 'activity' | 'series'>,
  state: ProjectState,
  place: RecordedPlace,
  query: UseQuery,
): Promise<UseOfFlag[]> {
  const days = inWholeSteps(query, 'day', 'start_time');
  const activity = await store.activity(place, days);
  const points = await store.series(place, { ...days, step: 'day' });
  const seen = new Map(activity.map((each) => [each.flag, each]));
  const totals = Map.groupBy(totalsOf(points), ({ flag }) => flag);
  const live = [...state.flags.values()].map(({ state: flag }) => flag).filter(isLive);
  const asked = activity.filter(({ count }) => count > 0).map(({ flag }) => flag);
  const keys = new Set([...live.map(({ key }) => key), ...asked]);
  return [...keys].sort().map((key) => {
    const served = (totals.get(key) ?? []).toSorted((a, b) => b.count - a.count);
    return useOf(key, state.flags.get(key)?.state, seen.get(key), served, query);
  });
}

function useOf(
  key: string,
  flag: Flag | undefined,
  activity: FlagActivity | undefined,
  served: readonly VariationTotal[],
  { to, unusedDays }: UseQuery,
): UseOfFlag {
  const known = flag !== undefined && isLive(flag) ? flag : undefined;
  const use = known === undefined ? 'unknown' : useOfKnown(known, activity, to - unusedDays * DAY_MS);
  const removalAt = known?.removalAt;
  const removalOverdue = removalAt !== undefined && Date.parse(removalAt) <= to;
  return {
    ...{ flag: key, use, served, removalOverdue },
    evaluations: activity?.count ?? 0,
    temporary: known?.temporary ?? false,
    ...(activity !== undefined && { lastAt: activity.lastAt }),
    ...(removalAt !== undefined && { removalAt }),
    remarks: [
      ...remarksOnUse(use, flag, activity, to),
      ...(removalOverdue ? [`was to be removed by ${removalAt.slice(0, 10)}`] : []),
      ...remarksOnAnswers(known, served),
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

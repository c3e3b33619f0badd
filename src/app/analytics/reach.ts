import type { Snapshot } from '../../core/snapshot.ts';
import { DAY_MS } from '../../core/time.ts';
import type { ExposureStore, Period, RecordedPlace } from '../../ports/exposure-store.ts';
import { type Breakdown, type ContextGroup, ContextGroups, type GroupTally } from './context-groups.ts';
import type { DraftRule } from './draft-rule.ts';
import { HOUR_MS, inWholeSteps } from './period.ts';
import { type Replayed, replayContexts, type Sampling } from './sample.ts';
import { type Estimate, type Sampled, scaled, shareOf } from './share.ts';

const YEAR_MS = 365 * DAY_MS;

/** Which part of some contexts. */
export interface Reach {
  readonly sampled: number;
  readonly matched: number;
  readonly share: Estimate;
  /** Of all known contexts. */
  readonly contexts: Estimate;
}

export interface GroupReach {
  readonly group: ContextGroup;
  readonly reach: Reach;
}

export interface ReachPreview extends Replayed {
  readonly total: Reach;
  readonly segments: readonly GroupReach[];
  readonly attributes: readonly GroupReach[];
  /** Matching subjects that were seen in the last day of the period. */
  readonly dailySubjects: Estimate;
  /** Evaluations of the flag a day that the rule would decide; absent without a flag. */
  readonly dailyEvaluations?: Estimate;
}

export interface ReachQuery extends Sampling, Breakdown {
  readonly draft: DraftRule;
  /** The flag that it is meant for. */
  readonly flag?: string;
}

type Reads = Pick<ExposureStore, 'contexts' | 'series'>;

/** Evaluates recorded contexts with the rule alone: nothing else of its flag counts. */
export async function previewReach(
  store: Reads,
  snapshot: Snapshot,
  place: RecordedPlace,
  query: ReachQuery,
  signal?: AbortSignal,
): Promise<ReachPreview> {
  const { draft, period } = query;
  const groups = new ContextGroups(snapshot, query);
  const lastDay = { matched: 0, sampled: 0 };
  let matched = 0;
  const replayed = await replayContexts(
    store,
    place,
    query,
    snapshot,
    (evaluation, seenAt) => {
      const isMatch = draft.matches(evaluation.answer(draft.compiled).variation);
      groups.add(evaluation, Number(isMatch));
      if (isMatch) matched++;
      if (seenAt < period.to - DAY_MS) return;
      lastDay.sampled++;
      if (isMatch) lastDay.matched++;
    },
    signal,
  );
  const { sample } = replayed;
  const total = reachOf(matched, sample.sampled, sample);
  const daily = await dailyEvaluations(store, place, query, total.share);
  return {
    ...{ ...replayed, total },
    segments: groups.segments().map((tally) => groupReach(tally, sample)),
    attributes: groups.attributes().map((tally) => groupReach(tally, sample)),
    dailySubjects: await dailySubjects(store, place, period, lastDay),
    ...(daily && { dailyEvaluations: daily.evaluations }),
    warnings: [...replayed.warnings, ...(daily?.warnings ?? [])],
  };
}

/** Of `of` sampled contexts, which may be some of the sample only. */
export function reachOf(matched: number, of: number, sample: Sampled): Reach {
  const share = shareOf(matched, of, sample);
  const contexts = scaled(shareOf(matched, sample.sampled, sample), sample.known);
  return { sampled: of, matched, share, contexts };
}

function groupReach({ group, sampled, outcomes }: GroupTally, sample: Sampled): GroupReach {
  return { group, reach: reachOf(outcomes.get(1) ?? 0, sampled, sample) };
}

async function dailySubjects(
  store: Reads,
  place: RecordedPlace,
  { to }: Period,
  { matched, sampled }: { readonly matched: number; readonly sampled: number },
): Promise<Estimate> {
  // The period may have been shorter than a day: then there are more than could be sampled.
  const { total: known } = await store.contexts(place, { from: to - DAY_MS, to, limit: 1 });
  return scaled(shareOf(matched, sampled, { sampled, known }), known);
}

/** The volume of the flag since it was first evaluated in the period, or in its last year, over a day, and the rule's share of that. */
async function dailyEvaluations(
  store: Reads,
  place: RecordedPlace,
  { flag, period }: ReachQuery,
  share: Estimate,
): Promise<{ evaluations: Estimate; warnings: string[] } | undefined> {
  if (flag === undefined) return undefined;
  const lately = { from: Math.max(period.from, period.to - YEAR_MS), to: period.to };
  const points = await store.series(place, { ...inWholeSteps(lately, 'hour'), step: 'hour', flag });
  const [first] = points;
  if (first === undefined)
    return { evaluations: { value: 0, low: 0, high: 0 }, warnings: [`flag ${flag} was not evaluated`] };
  const spanMs = Math.max(period.to - Math.max(first.at, lately.from), HOUR_MS);
  const volume = points.reduce((sum, { estimate }) => sum + estimate, 0);
  const hours = Math.round(spanMs / HOUR_MS);
  const warnings = spanMs < DAY_MS ? [`daily evaluations are those of ${hours} h, made into a day`] : [];
  return { evaluations: scaled(share, (volume * DAY_MS) / spanMs), warnings };
}

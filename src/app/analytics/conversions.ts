import type { ExposureStore, Period, RecordedPlace, VariationOutcome } from '../../ports/exposure-store.ts';
import { noteOnSample } from './health.ts';
import { type Estimate, LEAST_SUBJECTS, MOST_VARIATIONS, meanEstimate, rateEstimate } from './share.ts';

/** How those who got a variation fared by one event. */
export interface VariationConversion {
  readonly variation: string;
  readonly subjects: number;
  /** Subjects with such an event while it was the last that they had been told. */
  readonly converted: number;
  /** Absent without subjects. */
  readonly rate?: Estimate;
  readonly events: number;
  readonly sum: number;
  /** Of the sums of all subjects. Absent below two. */
  readonly mean?: Estimate;
  readonly sampleTooSmall: boolean;
  readonly note: string;
}

export interface ConversionQuery extends Period {
  readonly flag: string;
  readonly event: string;
  readonly ruleId?: string;
}

export interface Conversions {
  /** In code point order: those that most subjects got in the period. */
  readonly variations: readonly VariationConversion[];
  /** So many others that anybody got. */
  readonly leftOut: number;
}

export async function conversionsOf(
  store: Pick<ExposureStore, 'outcomes'>,
  place: RecordedPlace,
  query: ConversionQuery,
): Promise<Conversions> {
  const outcomes = await store.outcomes(place, query);
  const most = new Set(outcomes.toSorted((a, b) => b.subjects - a.subjects).slice(0, MOST_VARIATIONS));
  const shown = outcomes.filter((outcome) => most.has(outcome));
  return { variations: shown.map(conversionIn), leftOut: outcomes.length - shown.length };
}

function conversionIn(outcome: VariationOutcome): VariationConversion {
  const { variation, subjects, affected, events, sum, sumOfSquares } = outcome;
  const rate = rateEstimate(affected, subjects);
  const mean = meanEstimate(subjects, sum, sumOfSquares);
  return {
    ...{ variation, subjects, converted: affected, events, sum },
    ...(rate && { rate }),
    ...(mean && { mean }),
    sampleTooSmall: subjects < LEAST_SUBJECTS,
    note: noteOnSample(subjects),
  };
}

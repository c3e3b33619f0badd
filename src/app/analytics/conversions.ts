import type { ExposureStore, Period, RecordedPlace } from '../../ports/exposure-store.ts';
import { noteOnSample } from './health.ts';
import { type Estimate, LEAST_SUBJECTS, meanEstimate, rateEstimate } from './share.ts';

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

/** Every variation that anybody got in the period, in code point order. */
export async function conversionsOf(
  store: Pick<ExposureStore, 'outcomes'>,
  place: RecordedPlace,
  query: ConversionQuery,
): Promise<VariationConversion[]> {
  const outcomes = await store.outcomes(place, query);
  return outcomes.map(({ variation, subjects, affected, events, sum, sumOfSquares }) => {
    const rate = rateEstimate(affected, subjects);
    const mean = meanEstimate(subjects, sum, sumOfSquares);
    return {
      ...{ variation, subjects, converted: affected, events, sum },
      ...(rate && { rate }),
      ...(mean && { mean }),
      sampleTooSmall: subjects < LEAST_SUBJECTS,
      note: noteOnSample(subjects),
    };
  });
}

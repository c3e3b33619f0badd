import type { ExposureStore, Period, RecordedPlace, VariationOutcome } from '../../ports/exposure-store.ts';
import { type Estimate, LEAST_SUBJECTS, rateEstimate } from './share.ts';

/** How those who got a variation are off. */
export interface VariationHealth {
  readonly variation: string;
  readonly subjects: number;
  readonly evaluations: number;
  /** Subjects with an error or a crash while it was the last that they had been told, and how many of both that was. */
  readonly affected: number;
  readonly errors: number;
  /** Absent without subjects. */
  readonly errorRate?: Estimate;
  readonly crashed: number;
  readonly crashes: number;
  readonly crashFree?: Estimate;
  readonly sampleTooSmall: boolean;
  readonly note: string;
}

/** Every variation that anybody got in the period, the worst first. */
export async function healthOf(
  store: Pick<ExposureStore, 'outcomes'>,
  place: RecordedPlace,
  { from, to, flag, ruleId }: Period & { readonly flag: string; readonly ruleId?: string },
): Promise<VariationHealth[]> {
  const query = { from, to, flag, ...(ruleId !== undefined && { ruleId }) };
  const troubled = await store.outcomes(place, { ...query, kinds: ['error', 'crash'] });
  // Where nothing happened nothing crashed.
  const isQuiet = troubled.every(({ events }) => events === 0);
  const crashed = isQuiet ? [] : await store.outcomes(place, { ...query, kinds: ['crash'] });
  const crashes = new Map(crashed.map((outcome) => [outcome.variation, outcome]));
  return troubled.map((outcome) => healthIn(outcome, crashes.get(outcome.variation))).sort(worstFirst);
}

/**
 * The order of trouble: by the lower end of the error rate, which is what is as good as certain, then by the rate
 * itself. What stands on too few subjects comes last.
 */
export function worstFirst(a: VariationHealth, b: VariationHealth): number {
  if (a.sampleTooSmall !== b.sampleTooSmall) return a.sampleTooSmall ? 1 : -1;
  return (
    (b.errorRate?.low ?? 0) - (a.errorRate?.low ?? 0) ||
    (b.errorRate?.value ?? 0) - (a.errorRate?.value ?? 0) ||
    b.crashed - a.crashed ||
    (a.variation < b.variation ? -1 : 1)
  );
}

function healthIn(troubled: VariationOutcome, crashed: VariationOutcome | undefined): VariationHealth {
  const { variation, subjects, evaluations, affected } = troubled;
  const errorRate = rateEstimate(affected, subjects);
  // A batch that came between the two questions must not make more crashed subjects than there are.
  const crashedSubjects = Math.min(crashed?.affected ?? 0, subjects);
  const crashFree = rateEstimate(subjects - crashedSubjects, subjects);
  return {
    ...{ variation, subjects, evaluations, affected },
    errors: troubled.events,
    ...(errorRate && { errorRate }),
    crashed: crashedSubjects,
    crashes: crashed?.events ?? 0,
    ...(crashFree && { crashFree }),
    sampleTooSmall: subjects < LEAST_SUBJECTS,
    note: noteOnSample(subjects),
  };
}

/** Empty if there are enough. */
export function noteOnSample(subjects: number): string {
  if (subjects === 0) return 'no subjects: only evaluations without a targeting key';
  return subjects < LEAST_SUBJECTS ? `only ${subjects} of the ${LEAST_SUBJECTS} subjects that it takes` : '';
}

import type {
  ExposureStore,
  RecordedContext,
  RecordedEvaluation,
  RecordedEvent,
  RecordedPlace,
} from '../../src/ports/exposure-store.ts';

export const HERE: RecordedPlace = { project: 'shop', environment: 'production' };

const HOUR_MS = 3_600_000;

type Given<T, Needed extends keyof T> = Partial<T> & Pick<T, Needed>;

export interface Recording {
  readonly evaluations?: readonly Given<RecordedEvaluation, 'time' | 'flag' | 'variation'>[];
  readonly events?: readonly Given<RecordedEvent, 'time' | 'event' | 'subject'>[];
  readonly contexts?: readonly Given<RecordedContext, 'subject'>[];
  readonly place?: RecordedPlace;
}

/** Stores all this as one process would have recorded it, a batch for each hour. What is not said is of no importance. */
export async function record(
  store: Pick<ExposureStore, 'store'>,
  process: string,
  { evaluations = [], events = [], contexts = [], place = HERE }: Recording,
): Promise<void> {
  const rows = evaluations.map(completeEvaluation);
  const happened = events.map(completeEvent);
  const seen = contexts.map(completeContext);
  const hours = new Set([...rows, ...happened].map(({ time }) => hourOf(time)));
  for (const { seenAt } of seen) hours.add(hourOf(seenAt));
  let acceptedSoFar = 0;
  for (const [index, hour] of [...hours].sort((a, b) => a - b).entries()) {
    const isIn = ({ time }: { readonly time: number }) => hourOf(time) === hour;
    const [theseRows, theseEvents] = [rows.filter(isIn), happened.filter(isIn)];
    const units = [...theseRows, ...theseEvents].reduce((sum, { count }) => sum + count, 0);
    acceptedSoFar += units;
    const stored = await store.store({
      ...{ id: `${process}:${index + 1}`, process, sequence: index + 1, digest: `${process} ${index}` },
      ...{ place, hour, units, acceptedSoFar, losses: [], evaluations: theseRows, events: theseEvents },
      contexts: seen.filter(({ seenAt }) => hourOf(seenAt) === hour),
    });
    if (stored !== 'stored') throw new Error(`the batch of process ${process} is there already`);
  }
}

function completeEvaluation(
  given: Given<RecordedEvaluation, 'time' | 'flag' | 'variation'>,
): RecordedEvaluation {
  return {
    ...{
      flagVersion: 1,
      revision: 1,
      reason: 'DEFAULT',
      ruleId: '',
      subject: '',
      source: 'call',
      client: '',
    },
    ...{ count: 1, weight: 1 },
    ...given,
  };
}

function completeEvent(given: Given<RecordedEvent, 'time' | 'event' | 'subject'>): RecordedEvent {
  return { kind: 'metric', count: 1, ...given };
}

function completeContext(given: Given<RecordedContext, 'subject'>): RecordedContext {
  return { attributes: {}, seenAt: 0, ...given };
}

function hourOf(time: number): number {
  return Math.floor(time / HOUR_MS);
}

import { HOUR_MS } from './batch-check.ts';
import type { RecordedBatch } from './exposure-store.ts';

type Content = Pick<RecordedBatch, 'hour' | 'evaluations' | 'events' | 'contexts'>;

/** Nobody who was erased before is in it. Epoch milliseconds. */
export function earliestIn({ hour, contexts }: Pick<Content, 'hour' | 'contexts'>): number {
  return contexts.reduce((earliest, { seenAt }) => Math.min(earliest, seenAt), hour * HOUR_MS);
}

/**
 * The same as far as it says nothing of subjects at the time at which they were erased, or from before: what they did is
 * then what nobody in particular did, so that sums and the ledger are what they would have been. `erasedAt` is asked once
 * for each subject.
 */
export function withoutErased<T extends Content>(
  content: T,
  erasedAt: (subject: string) => number | undefined,
): T {
  const known = new Map<string, number>();
  const isErased = (subject: string, time: number) => {
    let at = known.get(subject);
    if (at === undefined) {
      at = erasedAt(subject) ?? Number.NEGATIVE_INFINITY;
      known.set(subject, at);
    }
    return time <= at;
  };
  const kept = <I extends { readonly subject: string; readonly time: number }>(item: I): I =>
    item.subject !== '' && isErased(item.subject, item.time) ? { ...item, subject: '' } : item;
  return {
    ...content,
    evaluations: content.evaluations.map(kept),
    events: content.events.map(kept),
    contexts: content.contexts.filter(({ subject, seenAt }) => !isErased(subject, seenAt)),
  };
}

import type { Recorder } from '../app/exposures/recorder.ts';
import type { LossReason } from '../ports/exposure-store.ts';
import type { Metrics } from './metrics.ts';

/** Of what a process can lose by itself. */
const REASONS: readonly LossReason[] = ['sampled', 'buffer_full', 'too_large'];

/** What a process records, what it loses of that, and what it holds. */
export function observeRecorder(recorder: Recorder, metrics: Metrics): void {
  const total = (name: string, description: string, read: () => number, reason?: string) =>
    metrics.add({ name, description, isTotal: true, read, ...(reason && { attributes: { reason } }) });
  total(
    'vexil.exposures.accepted',
    'Evaluations and events that were to be recorded.',
    () => recorder.accepted,
  );
  for (const reason of REASONS)
    total(
      'vexil.exposures.lost',
      'Of these, what was given up, and declared so.',
      () => recorder.lostFor(reason),
      reason,
    );
  total('vexil.exposures.published', 'Batches of them that the queue has.', () => recorder.publishedBatches);
  metrics.gauge(
    'vexil.exposures.buffer',
    'Bytes of memory that are taken by what the queue does not have yet.',
    () => recorder.bytes,
  );
}

import type { Writing } from '../app/exposures/writing.ts';
import type { Metrics } from './metrics.ts';

/** What a process writes of what was recorded, how far behind it is, and what the queue holds. */
export function observeWriting({ writer, queue }: Writing, metrics: Metrics): void {
  const total = (name: string, description: string, read: () => number) =>
    metrics.add({ name, description, isTotal: true, read });
  total(
    'vexil.exposures.stored',
    'Evaluations and events that this process stored.',
    () => writer.counts().units,
  );
  total('vexil.exposures.batches', 'Batches that this process stored.', () => writer.counts().batches);
  total(
    'vexil.exposures.repeated',
    'Batches that were stored before, and came again.',
    () => writer.counts().already,
  );
  total(
    'vexil.exposures.conflicts',
    'Batches under whose name another one is stored.',
    () => writer.counts().conflicts,
  );
  total('vexil.exposures.buried', 'Batches that became dead letters here.', () => writer.counts().buried);
  total(
    'vexil.exposures.retries',
    'Batches that could not be stored at the moment, and went back to the queue.',
    () => writer.counts().retries,
  );
  metrics.gauge(
    'vexil.exposures.lag',
    'Milliseconds since the oldest batch was published that this process took and has not dealt with.',
    () => writer.lagMs(),
  );
  metrics.gauge(
    'vexil.exposures.waiting',
    'Batches in the queue that nobody has dealt with.',
    () => queue.last.waiting,
  );
  metrics.gauge('vexil.exposures.queue', 'Bytes that the queue keeps.', () => queue.last.bytes);
}

import type { RecordedEvaluation, RecordedEvent } from '../../ports/exposure-store.ts';
import { HOUR_MS } from './batch-tables.ts';

/** Some of what was reported, of one hour, and not too much for a batch. */
export interface Chunk {
  readonly hour: number;
  readonly evaluations: RecordedEvaluation[];
  readonly events: RecordedEvent[];
  units: number;
  bytes: number;
}

const MOST_ITEMS = 500;
/** By an estimate that counts each character as one byte: JSON needs six for some. */
const MOST_BYTES = 80 * 1024;
const ITEM_BYTES = 300;

/** All of it, in as many pieces as it takes. */
export function chunksOf(
  evaluations: readonly RecordedEvaluation[],
  events: readonly RecordedEvent[],
): readonly Chunk[] {
  const all: Chunk[] = [];
  const open = new Map<number, Chunk>();
  const room = ({ time, subject, count }: RecordedEvaluation | RecordedEvent): Chunk => {
    const hour = Math.floor(time / HOUR_MS);
    let chunk = open.get(hour);
    if (chunk === undefined || chunk.bytes >= MOST_BYTES || isMany(chunk)) {
      chunk = { hour, evaluations: [], events: [], units: 0, bytes: 0 };
      open.set(hour, chunk);
      all.push(chunk);
    }
    chunk.units += count;
    chunk.bytes += ITEM_BYTES + subject.length;
    return chunk;
  };
  for (const evaluation of evaluations) room(evaluation).evaluations.push(evaluation);
  for (const event of events) room(event).events.push(event);
  return all;
}

function isMany({ evaluations, events }: Chunk): boolean {
  return evaluations.length + events.length >= MOST_ITEMS;
}

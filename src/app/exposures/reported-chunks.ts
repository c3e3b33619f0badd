import { HOUR_MS } from '../../ports/batch-tables.ts';
import type { RecordedContext, RecordedEvaluation, RecordedEvent } from '../../ports/exposure-store.ts';

/** Some of what was reported, of one hour, and not too much for a batch. */
export interface Chunk {
  readonly hour: number;
  readonly evaluations: RecordedEvaluation[];
  readonly events: RecordedEvent[];
  readonly contexts: RecordedContext[];
  units: number;
  bytes: number;
}

const MOST_ITEMS = 1_000;
/** By an estimate that counts each character as one byte: JSON needs six for some. */
const MOST_BYTES = 80 * 1024;
const ITEM_BYTES = 300;
const CONTEXT_BYTES = 100;

/** All of it, in as many pieces as it takes. */
export function chunksOf(
  evaluations: readonly RecordedEvaluation[],
  events: readonly RecordedEvent[],
  contexts: readonly RecordedContext[],
): readonly Chunk[] {
  const all: Chunk[] = [];
  const open = new Map<number, Chunk>();
  const chunkAt = (time: number, bytes: number): Chunk => {
    const hour = Math.floor(time / HOUR_MS);
    let chunk = open.get(hour);
    if (chunk === undefined || chunk.bytes >= MOST_BYTES || isMany(chunk)) {
      chunk = { hour, evaluations: [], events: [], contexts: [], units: 0, bytes: 0 };
      open.set(hour, chunk);
      all.push(chunk);
    }
    chunk.bytes += bytes;
    return chunk;
  };
  const room = ({ time, subject, count }: RecordedEvaluation | RecordedEvent): Chunk => {
    const chunk = chunkAt(time, ITEM_BYTES + subject.length);
    chunk.units += count;
    return chunk;
  };
  for (const evaluation of evaluations) room(evaluation).evaluations.push(evaluation);
  for (const event of events) room(event).events.push(event);
  for (const context of contexts) {
    const size = CONTEXT_BYTES + context.subject.length + JSON.stringify(context.attributes).length;
    chunkAt(context.seenAt, size).contexts.push(context);
  }
  return all;
}

function isMany({ evaluations, events }: Chunk): boolean {
  return evaluations.length + events.length >= MOST_ITEMS;
}

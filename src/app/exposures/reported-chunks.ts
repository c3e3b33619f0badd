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
/** As JSON, in which each thing is told by itself: in a batch that takes less. One more that is large still fits in. */
const MOST_BYTES = 160 * 1024;

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
  const room = (item: RecordedEvaluation | RecordedEvent): Chunk => {
    const chunk = chunkAt(item.time, bytesOf(item));
    chunk.units += item.count;
    return chunk;
  };
  for (const evaluation of evaluations) room(evaluation).evaluations.push(evaluation);
  for (const event of events) room(event).events.push(event);
  for (const context of contexts) chunkAt(context.seenAt, bytesOf(context)).contexts.push(context);
  return all;
}

function isMany({ evaluations, events }: Chunk): boolean {
  return evaluations.length + events.length >= MOST_ITEMS;
}

function bytesOf(item: object): number {
  return Buffer.byteLength(JSON.stringify(item));
}

import type { Snapshot } from '../core/snapshot.ts';
import type { Touched } from './touched.ts';
import type { Content } from './watch-events.ts';

/**
 * What one watcher sees of an environment, and what it has seen so far. It holds no queue: however many changes
 * pass between two steps, a step says what is different now.
 */
export interface View {
  /** Everything, in parts of a modest size; from then on the view is at this snapshot and moment. */
  full(snapshot: Snapshot, nowMs: number): Whole;

  /**
   * Takes up a watch that has seen a revision and moment before. `touched` is what changed from that revision to this
   * snapshot. False: this view cannot tell what has to be sent, and needs to start in full.
   */
  resume(snapshot: Snapshot, seenAtMs: number, touched: Touched): boolean;

  /** What is different at this snapshot and moment; `touched` is what changed since the last step. */
  step(snapshot: Snapshot, nowMs: number, touched: Touched): Content;

  /** When the next step is due although nothing changes (epoch milliseconds); Infinity for never. */
  readonly changesAt: number;
}

/** All that a watcher sees, and the lines that its state hash is made of. */
export interface Whole {
  readonly parts: readonly Content[];
  readonly lines: readonly string[];
}

const PART_BYTES = 256 * 1024;
const PART_ITEMS = 500;

/** Cuts a long list into parts, so that no message grows beyond reason: one object more at the most. */
export function inParts<T>(
  items: readonly T[],
  sizeOf: (item: T) => number,
  toContent: (part: readonly T[]) => Content,
): Content[] {
  const parts: Content[] = [];
  let part: T[] = [];
  let bytes = 0;
  for (const item of items) {
    const size = sizeOf(item);
    if (part.length > 0 && (bytes + size > PART_BYTES || part.length === PART_ITEMS)) {
      parts.push(toContent(part));
      part = [];
      bytes = 0;
    }
    part.push(item);
    bytes += size;
  }
  if (part.length > 0) parts.push(toContent(part));
  return parts;
}

import type { Snapshot } from '../core/snapshot.ts';
import type { WatchEvent } from './watch-events.ts';

export type Delta = Extract<WatchEvent, { kind: 'delta' }>;

/** A place in the log and in time. */
export interface Point {
  readonly revision: number;
  readonly hash: string;
  readonly at: number;
}

/** Where a watcher stands who is about to take a step. */
export interface Stand {
  /** What the watch is of: its view, its place, its audience. */
  readonly scope: string;
  readonly seenRevision: number;
  readonly toldRevision: number;
  /** When its view would change by itself. */
  readonly changesAt: number;
}

/** A step that somebody took who stood there. */
export interface Step {
  readonly stand: Stand;
  /** When it was taken. */
  readonly ms: number;
  readonly seen: Point;
  readonly changesAt: number;
  readonly delta: Delta;
}

const steps = new WeakMap<Snapshot, Step>();

/**
 * The last step to this snapshot, if it was taken at that moment from the same stand. What a watcher of all definitions is
 * told depends on nothing else, so thousands of them take one step, and get one and the same delta.
 */
export function stepTaken(snapshot: Snapshot, ms: number, stand: Stand): Step | undefined {
  const step = steps.get(snapshot);
  if (step === undefined || step.ms !== ms) return undefined;
  const { scope, seenRevision, toldRevision, changesAt } = step.stand;
  return seenRevision === stand.seenRevision &&
    toldRevision === stand.toldRevision &&
    changesAt === stand.changesAt &&
    scope === stand.scope
    ? step
    : undefined;
}

export function rememberStep(snapshot: Snapshot, step: Step): void {
  steps.set(snapshot, step);
}

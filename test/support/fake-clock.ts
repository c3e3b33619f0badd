import type { Clock } from '../../src/ports/clock.ts';

/** A clock that stands still until a test moves it. */
export interface FakeClock extends Clock {
  /** Lets time pass, and runs what falls due on the way, each task at its own moment and in the order of those. */
  advance(ms: number): void;
  /** Moves the wall clock alone, forwards or backwards, as setting the time of a machine does. */
  jump(ms: number): void;
  /** How many tasks are waiting. */
  pending(): number;
}

/** Starts at `startMs` since the epoch. Default: 2026-01-01, midnight UTC. */
export function createFakeClock(startMs: number = Date.UTC(2026, 0, 1)): FakeClock {
  const waiting = new Set<{ readonly due: number; readonly task: () => void }>();
  let wallOffset = startMs;
  let elapsed = 0;

  function nextDue(until: number) {
    let first: { readonly due: number; readonly task: () => void } | undefined;
    for (const entry of waiting) {
      if (entry.due <= until && (first === undefined || entry.due < first.due)) first = entry;
    }
    return first;
  }

  return {
    now: () => wallOffset + elapsed,
    monotonic: () => elapsed,
    after(delayMs, task) {
      const entry = { due: elapsed + Math.max(0, delayMs), task };
      waiting.add(entry);
      return { [Symbol.dispose]: () => void waiting.delete(entry) };
    },
    advance(ms) {
      const until = elapsed + ms;
      for (let entry = nextDue(until); entry !== undefined; entry = nextDue(until)) {
        waiting.delete(entry);
        elapsed = entry.due;
        entry.task();
      }
      elapsed = until;
    },
    jump(ms) {
      wallOffset += ms;
    },
    pending: () => waiting.size,
  };
}

import type { Clock } from '../ports/clock.ts';
import type { Refusal } from '../rpc/refusal.ts';

/** Of each reason so many lines are written in a second. */
const MOST_LINES = 10;
const WINDOW_MS = 1_000;

export interface RefusalLogOptions {
  readonly write: (fields: object, message: string) => void;
  readonly clock: Clock;
}

/** Disposing of it writes what it still has to say. */
export interface RefusalLog extends Disposable {
  add(refusal: Refusal): void;
}

/**
 * Writes down who was refused: one by one, as long as there are few, and else how many more there were of a reason in a
 * second. Whoever knocks a million times fills no disk, and hides nobody who is refused for another reason.
 */
export function createRefusalLog({ write, clock }: RefusalLogOptions): RefusalLog {
  const windows = new Map<string, { lines: number; suppressed: number; readonly end: Disposable }>();
  const close = (reason: string): void => {
    const suppressed = windows.get(reason)?.suppressed ?? 0;
    windows.delete(reason);
    if (suppressed > 0) write({ reason, suppressed }, 'refused more often than is written down');
  };
  const windowOf = (reason: string) => {
    const known = windows.get(reason);
    if (known !== undefined) return known;
    const opened = { lines: 0, suppressed: 0, end: clock.after(WINDOW_MS, () => close(reason)) };
    windows.set(reason, opened);
    return opened;
  };
  return {
    add(refusal) {
      const window = windowOf(refusal.reason);
      if (window.lines === MOST_LINES) window.suppressed++;
      else {
        window.lines++;
        const { traceId, ...fields } = refusal;
        write(traceId === undefined ? fields : { ...fields, trace_id: traceId }, 'refused');
      }
    },
    [Symbol.dispose]() {
      for (const [reason, { end }] of windows) {
        end[Symbol.dispose]();
        close(reason);
      }
    },
  };
}

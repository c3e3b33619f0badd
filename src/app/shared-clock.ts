import type { Clock } from '../ports/clock.ts';
import { Complaints } from './complaints.ts';
import type { Report } from './quarantine.ts';

const LOOK_EVERY_MS = 30_000;
const RETRY_MS = 2_000;
/** How often it is seen whether this machine's own clock runs as before. */
const STEP_MS = 1_000;
/** What took longer to be answered says too little about when it was. */
const SLOWEST_LOOK_MS = 2_000;
/** Clocks that differ by less are as they should be. */
const TOLERANCE_MS = 2_000;

export interface SharedClockParts {
  /** This machine's. */
  readonly clock: Clock;
  /** Tells the time (epoch milliseconds) by the clock that all replicas share. Absent: they share this machine's. */
  readonly sharedNow?: (() => Promise<number>) | undefined;
  readonly report: Report;
}

export interface SharedClock extends Clock, Disposable {
  /** Resolves when it was looked up for the first time, or that did not succeed. */
  readonly looked: Promise<void>;
  /** By how many milliseconds this machine's clock is ahead of the shared one; 0 if nobody knows, or as good as right. */
  aheadMs(): number;
}

/**
 * The time that all replicas agree on, whatever the clocks of their machines say: this machine's, or the shared one where
 * that is seconds away from it. Looked up again and again until disposed, and kept in between.
 */
export function openSharedClock({ clock, sharedNow, report }: SharedClockParts): SharedClock {
  const complaints = new Complaints(clock, report);
  /** When the last look was: by this machine's clock at monotonic zero, and by how much that was wrong. */
  let known: { readonly own: number; readonly aheadMs: number } | undefined;
  let next: Disposable | undefined;
  let isOpen = true;

  const own = () => clock.now() - clock.monotonic();
  const now = () =>
    known === undefined ? clock.now() : Math.round(known.own - known.aheadMs + clock.monotonic());
  /** This machine's clock was set, or it slept: perhaps the monotonic one did too. */
  const isShaken = () => known !== undefined && Math.abs(own() - known.own) > TOLERANCE_MS;

  async function look(ask: () => Promise<number>): Promise<void> {
    const asked = clock.monotonic();
    const shared = await ask().catch(() => undefined);
    const tookMs = clock.monotonic() - asked;
    if (!isOpen) return;
    if (shared === undefined || tookMs > SLOWEST_LOOK_MS) {
      wait(RETRY_MS, ask);
      return;
    }
    const aheadMs = Math.round(own() - (shared - (asked + tookMs / 2)));
    const isWrong = Math.abs(aheadMs) > TOLERANCE_MS + tookMs / 2;
    known = { own: own(), aheadMs: isWrong ? aheadMs : 0 };
    if (isWrong) complaints.make('the clock of this machine is not that of the log', '', { aheadMs });
    wait(LOOK_EVERY_MS, ask);
  }

  function wait(leftMs: number, ask: () => Promise<number>): void {
    next = clock.after(STEP_MS, () => {
      if (leftMs > STEP_MS && !isShaken()) wait(leftMs - STEP_MS, ask);
      else void look(ask);
    });
  }

  const looked = sharedNow === undefined ? Promise.resolve() : look(sharedNow);
  return {
    ...{ now, looked },
    aheadMs: () => known?.aheadMs ?? 0,
    monotonic: () => clock.monotonic(),
    after: (delayMs, task) => clock.after(delayMs, task),
    [Symbol.dispose]() {
      isOpen = false;
      next?.[Symbol.dispose]();
    },
  };
}

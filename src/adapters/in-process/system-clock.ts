import type { Clock } from '../../ports/clock.ts';

/** The longest that a timer of Node can wait. */
const LONGEST_TIMER_MS = 2 ** 31 - 1;

/** The clock of this machine. Delays may be of any length. */
export const systemClock: Clock = {
  now: () => Date.now(),
  monotonic: () => performance.now(),
  after(delayMs, task) {
    const due = performance.now() + delayMs;
    let timer = arm(delayMs);

    function arm(remainingMs: number): NodeJS.Timeout {
      return setTimeout(expire, Math.min(Math.ceil(remainingMs), LONGEST_TIMER_MS)).unref();
    }
    // Timers wait in pieces when the delay is long, and may fire a fraction of a millisecond early.
    function expire(): void {
      const remainingMs = due - performance.now();
      if (remainingMs > 0) timer = arm(remainingMs);
      else task();
    }
    return { [Symbol.dispose]: () => clearTimeout(timer) };
  },
};

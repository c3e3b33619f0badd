import { FlagError } from '../core/errors.ts';
import type { Clock } from '../ports/clock.ts';

/** Whoever has waited for so long may have given up, and does not expect that it is made after all. */
const PATIENCE_MS = 10_000;
const MOST_WAITING = 1_000;
const RETRY_AFTER_MS = 1_000;

/** What a write fails with when the log cannot be reached: so would those behind it, one after the other. */
const LOG_IS_AWAY: ReadonlySet<string> = new Set(['STORE_UNREACHABLE', 'OUTCOME_UNKNOWN']);

interface Waiting {
  readonly isUrgent: boolean;
  readonly begin: () => void;
  readonly refuse: (error: FlagError) => void;
}

/**
 * Lets the writes of one project happen one at a time, what is urgent before the rest, else as they came. A write that
 * was not begun within ten seconds, or waits while another finds that the log cannot be reached, is refused as
 * `unavailable`, and never made: its caller must not be answered late, or be gone when it happens.
 */
export class WriteQueue {
  readonly #clock: Clock;
  #waiting: Waiting[] = [];
  #isBusy = false;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** Nobody writes, and nobody waits. */
  get isIdle(): boolean {
    return !this.#isBusy;
  }

  async run<T>(isUrgent: boolean, write: () => Promise<T>): Promise<T> {
    if (this.#isBusy) await this.#turn(isUrgent);
    this.#isBusy = true;
    try {
      return await write();
    } catch (error) {
      if (isLogAway(error)) this.#refuseAll();
      throw error;
    } finally {
      this.#passOn();
    }
  }

  #turn(isUrgent: boolean): Promise<void> {
    if (this.#waiting.length >= MOST_WAITING) return Promise.reject(delayed('too many others wait'));
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    const waiting: Waiting = { isUrgent, begin: resolve, refuse: reject };
    const late = this.#clock.after(PATIENCE_MS, () => {
      this.#waiting = this.#waiting.filter((each) => each !== waiting);
      reject(delayed('others before it take too long'));
    });
    const place = isUrgent ? this.#waiting.findIndex((each) => !each.isUrgent) : -1;
    this.#waiting.splice(place === -1 ? this.#waiting.length : place, 0, waiting);
    return promise.finally(() => late[Symbol.dispose]());
  }

  /** Whoever comes next takes the place over. */
  #passOn(): void {
    const next = this.#waiting.shift();
    if (next === undefined) this.#isBusy = false;
    else next.begin();
  }

  #refuseAll(): void {
    for (const { refuse } of this.#waiting)
      refuse(
        new FlagError('unavailable', 'the store cannot be reached', {
          reason: 'STORE_UNREACHABLE',
          retryAfterMs: RETRY_AFTER_MS,
        }),
      );
    this.#waiting = [];
  }
}

function isLogAway(error: unknown): boolean {
  return error instanceof FlagError && LOG_IS_AWAY.has(error.details.reason ?? '');
}

function delayed(why: string): FlagError {
  return new FlagError('unavailable', `this was not written: ${why}`, {
    reason: 'WRITE_DELAYED',
    retryAfterMs: RETRY_AFTER_MS,
  });
}

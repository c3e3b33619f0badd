import type { Clock } from '../../ports/clock.ts';
import type { ExposureStore } from '../../ports/exposure-store.ts';
import { Complaints } from '../complaints.ts';
import type { Report } from '../quarantine.ts';

/** For how long each thing is kept. */
export interface RetentionTimes {
  readonly rowsMs: number;
  readonly minutesMs: number;
  readonly rollupsMs: number;
}

const FIRST_MS = 60_000;
const EVERY_MS = 3_600_000;
const RETRY_MS = 5 * 60_000;

/** Has the store forget what is old, once an hour. Several of these do no harm. */
export class Retention implements AsyncDisposable {
  readonly #store: ExposureStore;
  readonly #times: RetentionTimes;
  readonly #clock: Clock;
  readonly #complaints: Complaints;
  #next: Disposable | undefined;
  #running: Promise<void> = Promise.resolve();
  #isOpen = true;

  constructor(parts: { store: ExposureStore; times: RetentionTimes; clock: Clock; report: Report }) {
    this.#store = parts.store;
    this.#times = parts.times;
    this.#clock = parts.clock;
    this.#complaints = new Complaints(parts.clock, parts.report);
    this.#in(FIRST_MS);
  }

  #in(delayMs: number): void {
    if (!this.#isOpen) return;
    this.#next = this.#clock.after(delayMs, () => {
      this.#running = this.#expire();
    });
  }

  async #expire(): Promise<void> {
    const now = this.#clock.now();
    const { rowsMs, minutesMs, rollupsMs } = this.#times;
    try {
      await this.#store.expire({
        rowsBefore: now - rowsMs,
        minutesBefore: now - minutesMs,
        rollupsBefore: now - rollupsMs,
      });
      this.#complaints.end('old exposures cannot be removed', '');
      this.#in(EVERY_MS);
    } catch (error) {
      if (this.#isOpen) this.#complaints.make('old exposures cannot be removed', '', { error });
      this.#in(RETRY_MS);
    }
  }

  /** Resolves when the store has been asked for the last time. */
  async [Symbol.asyncDispose](): Promise<void> {
    this.#isOpen = false;
    this.#next?.[Symbol.dispose]();
    await this.#running;
  }
}

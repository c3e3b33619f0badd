import type { Clock } from '../../ports/clock.ts';
import type { ExposureQueue, QueueState } from '../../ports/exposure-queue.ts';

const OLD_MS = 1_000;

/** What a queue holds, for those who cannot wait for the answer. */
export class QueueWatch {
  readonly #queue: ExposureQueue;
  readonly #clock: Clock;
  #last: QueueState = { waiting: 0, bytes: 0 };
  #askedAt = Number.NEGATIVE_INFINITY;

  constructor(queue: ExposureQueue, clock: Clock) {
    this.#queue = queue;
    this.#clock = clock;
  }

  /** What it said last: whoever looks now and then has it as it was at the look before. */
  get last(): QueueState {
    const now = this.#clock.monotonic();
    if (now - this.#askedAt >= OLD_MS) {
      this.#askedAt = now;
      this.#ask().catch(() => undefined);
    }
    return this.#last;
  }

  async #ask(): Promise<void> {
    this.#last = await this.#queue.state();
  }
}

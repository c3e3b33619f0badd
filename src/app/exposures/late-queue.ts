import { FlagError } from '../../core/errors.ts';
import type { Clock } from '../../ports/clock.ts';
import type { Delivery, ExposureQueue, Parcel, QueueState } from '../../ports/exposure-queue.ts';

export interface LateQueueParts {
  readonly open: () => Promise<ExposureQueue>;
  readonly clock: Clock;
  /** Hears of the first failure, and of what it is like when it has ended. */
  readonly report: (problem: string, details: Readonly<Record<string, unknown>>) => void;
}

const FIRST_PAUSE_MS = 250;
const LONGEST_PAUSE_MS = 30_000;

/**
 * A queue that is opened when somebody needs it, and opened again later if it could not be: until then it is one that
 * cannot be reached. Nothing that is wrong with it keeps a process from starting.
 */
export class LateQueue implements ExposureQueue {
  readonly #parts: LateQueueParts;
  readonly #listeners = new Map<() => void, Disposable | undefined>();
  #queue: ExposureQueue | undefined;
  #opening: Promise<ExposureQueue> | undefined;
  #pause: Disposable | undefined;
  #failures = 0;
  #isOver = false;

  constructor(parts: LateQueueParts) {
    this.#parts = parts;
  }

  async publish(parcel: Parcel): Promise<void> {
    await (await this.#opened()).publish(parcel);
  }

  async take(limit: number, waitMs: number, signal?: AbortSignal): Promise<readonly Delivery[]> {
    return await (await this.#opened()).take(limit, waitMs, signal);
  }

  async state(): Promise<QueueState> {
    return await (await this.#opened()).state();
  }

  connected(): boolean {
    return this.#queue?.connected() ?? false;
  }

  onConnected(listener: () => void): Disposable {
    this.#listeners.set(listener, this.#queue?.onConnected(listener));
    return {
      [Symbol.dispose]: () => {
        this.#listeners.get(listener)?.[Symbol.dispose]();
        this.#listeners.delete(listener);
      },
    };
  }

  async #opened(): Promise<ExposureQueue> {
    if (this.#queue !== undefined) return this.#queue;
    if (this.#isOver || this.#pause !== undefined) throw notOpen();
    this.#opening ??= this.#open().finally(() => {
      this.#opening = undefined;
    });
    return await this.#opening;
  }

  async #open(): Promise<ExposureQueue> {
    const { open, report } = this.#parts;
    try {
      const queue = await open();
      if (this.#isOver) {
        await queue[Symbol.asyncDispose]();
        throw notOpen();
      }
      if (this.#failures > 0) report('the queue of exposures is open', { tries: this.#failures });
      this.#queue = queue;
      this.#announce(queue);
      return queue;
    } catch (error) {
      this.#retryLater(error);
      throw notOpen(error);
    }
  }

  #announce(queue: ExposureQueue): void {
    for (const listener of [...this.#listeners.keys()]) {
      this.#listeners.set(listener, queue.onConnected(listener));
      if (this.#failures > 0 && queue.connected()) listener();
    }
  }

  #retryLater(error: unknown): void {
    if (this.#isOver) return;
    const { clock, report } = this.#parts;
    if (this.#failures === 0) report('the queue of exposures cannot be opened', { error });
    const pauseMs = Math.min(LONGEST_PAUSE_MS, FIRST_PAUSE_MS * 2 ** Math.min(this.#failures, 20));
    this.#failures++;
    this.#pause = clock.after(pauseMs, () => {
      this.#pause = undefined;
      this.#opened().catch(() => undefined);
    });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#isOver = true;
    this.#pause?.[Symbol.dispose]();
    await this.#opening?.catch(() => undefined);
    await this.#queue?.[Symbol.asyncDispose]();
  }
}

function notOpen(cause?: unknown): FlagError {
  return new FlagError('unavailable', 'the queue of exposures is not open', {
    reason: 'QUEUE_UNAVAILABLE',
    cause,
  });
}

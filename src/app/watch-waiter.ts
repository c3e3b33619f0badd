import type { Seat, WatchHub } from './watch-hub.ts';

/** A seat for a watcher that waits for its next message instead of being woken for it. */
export class Waiter implements Disposable {
  readonly seat: Seat;
  #wake: (() => void) | undefined;
  /** Woken before it waited: does not wait again. */
  #isWoken = false;

  /** `end` is called at most once, if the watcher leaves a message lying for too long. */
  constructor(hub: WatchHub, project: string, end: () => void = () => undefined) {
    this.seat = hub.join(project, { wake: () => this.wake(), end });
  }

  /** Resolves when something may have changed, at `untilMs` (epoch milliseconds), or when the watch is over. */
  async wait(untilMs: number): Promise<void> {
    if (!this.#isWoken) {
      this.seat.wakeAt(untilMs);
      await new Promise<void>((resolve) => {
        this.#wake = resolve;
      });
      this.#wake = undefined;
    }
    this.#isWoken = false;
  }

  wake(): void {
    this.#isWoken = true;
    this.#wake?.();
  }

  [Symbol.dispose](): void {
    this.seat[Symbol.dispose]();
    this.wake();
  }
}

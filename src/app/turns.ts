import type { Clock } from '../ports/clock.ts';

/** How many may do something at a time, and for how long one of them counts, whatever it does meanwhile. */
export interface TurnsOptions {
  readonly limit: number;
  readonly holdMs: number;
}

/** Lets some through at a time, in the order in which they came, with a turn of the event loop between two that waited. */
export class Turns {
  readonly #clock: Clock;
  readonly #options: TurnsOptions;
  readonly #waiting = new Set<() => void>();
  #taken = 0;
  #isOpen = false;

  constructor(clock: Clock, options: TurnsOptions) {
    this.#clock = clock;
    this.#options = options;
  }

  /** Resolves when it is one's turn, which ends when the handle is disposed, or when it has been held for long. */
  async take(): Promise<Disposable> {
    if (!this.#isOpen && (this.#taken >= this.#options.limit || this.#waiting.size > 0))
      await new Promise<void>((resolve) => void this.#waiting.add(resolve));
    else this.#taken++;
    let isOver = false;
    const end = () => {
      if (isOver) return;
      isOver = true;
      timer[Symbol.dispose]();
      this.#passOn();
    };
    const timer = this.#clock.after(this.#options.holdMs, end);
    return { [Symbol.dispose]: end };
  }

  /** From now on nobody waits any more. */
  open(): void {
    this.#isOpen = true;
    for (const enter of this.#waiting) enter();
    this.#waiting.clear();
  }

  /** Whoever comes next takes the place over. */
  #passOn(): void {
    setImmediate(() => {
      const [next] = this.#waiting;
      if (next === undefined) {
        this.#taken--;
        return;
      }
      this.#waiting.delete(next);
      next();
    });
  }
}

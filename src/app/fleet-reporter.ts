import type { Clock } from '../ports/clock.ts';
import type { FleetRegistry, ReplicaReport } from '../ports/fleet-registry.ts';

export interface ReporterParts {
  readonly registry: FleetRegistry;
  readonly clock: Clock;
  /** Between two reports at least. */
  readonly gapMs: number;
  /** What is to be said now. */
  readonly current: () => ReplicaReport;
  /** Hears of a second failure in a row, until a report gets through again. */
  readonly failed: (error: unknown) => void;
}

/** Tells a registry what is true now, soon after each `poke`: the first at once, many in a row as few. */
export class Reporter implements AsyncDisposable {
  readonly #parts: ReporterParts;
  #isDue = false;
  #failures = 0;
  #running: Promise<void> | undefined;
  #pause: Disposable | undefined;
  #isOpen = true;

  constructor(parts: ReporterParts) {
    this.#parts = parts;
  }

  poke(): void {
    this.#isDue = true;
    if (this.#isOpen && this.#pause === undefined) this.#running ??= this.#run();
  }

  /** Resolves when nothing is being said any more. */
  async [Symbol.asyncDispose](): Promise<void> {
    this.#isOpen = false;
    this.#pause?.[Symbol.dispose]();
    await this.#running;
  }

  async #run(): Promise<void> {
    const { registry, clock, gapMs, current, failed } = this.#parts;
    // What changes in one go is told in one go.
    await Promise.resolve();
    this.#isDue = false;
    try {
      await registry.report(current());
      this.#failures = 0;
    } catch (error) {
      // The first may be one before there was a connection.
      if (++this.#failures === 2) failed(error);
    }
    this.#running = undefined;
    if (!this.#isOpen) return;
    this.#pause = clock.after(gapMs, () => {
      this.#pause = undefined;
      if (this.#isDue) this.poke();
    });
  }
}

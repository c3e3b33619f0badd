/** Runs some work, never twice at a time: whoever asks while it runs shares the next run, which begins after they asked. */
export class Rounds<T> {
  readonly #run: () => Promise<T>;
  #running: Promise<unknown> = Promise.resolve();
  #next: Promise<T> | undefined;

  constructor(run: () => Promise<T>) {
    this.#run = run;
  }

  /** Resolves, or rejects, with the outcome of a run that begins after this call. */
  next(): Promise<T> {
    if (this.#next !== undefined) return this.#next;
    const next = this.#running.then(() => {
      this.#next = undefined;
      return this.#run();
    });
    this.#next = next;
    this.#running = next.catch(() => undefined);
    return next;
  }

  /** Resolves when nothing that was asked for is left to do. Never rejects. */
  async idle(): Promise<void> {
    await this.#running;
  }
}

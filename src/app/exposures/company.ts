/**
 * Lets any number of things be done at once, or one alone: whoever is to be alone waits for all that began before, and
 * whatever comes later waits for it.
 */
export class Company {
  #alone: Promise<unknown> = Promise.resolve();
  readonly #together = new Set<Promise<unknown>>();

  async together<T>(work: () => Promise<T>): Promise<T> {
    const running = this.#alone.then(work);
    this.#together.add(running);
    try {
      return await running;
    } finally {
      this.#together.delete(running);
    }
  }

  async alone<T>(work: () => Promise<T>): Promise<T> {
    const running = Promise.allSettled([this.#alone, ...this.#together]).then(work);
    this.#alone = running.catch(() => undefined);
    return await running;
  }
}

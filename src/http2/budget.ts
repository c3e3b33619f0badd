/** Something that may be had so often at once, and so often in a second after that. */
export class Budget {
  readonly #burst: number;
  readonly #perMs: number;
  #left: number;
  #at = 0;

  constructor(burst: number, perSecond: number) {
    this.#burst = burst;
    this.#perMs = perSecond / 1_000;
    this.#left = burst;
  }

  /** False when there is not that much left. `now` is in milliseconds. */
  spend(now: number, cost = 1): boolean {
    this.#left = Math.min(this.#burst, this.#left + (now - this.#at) * this.#perMs) - cost;
    this.#at = now;
    return this.#left >= 0;
  }

  /** Gives some back, for something that was of use. */
  earn(amount: number): void {
    this.#left += amount;
    if (this.#left > this.#burst) this.#left = this.#burst;
  }
}

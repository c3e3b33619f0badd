const KEPT = 128;

/** How streams ended that ended lately: for what a peer sent before it knew, or should not have sent. */
export class RecentStreams {
  /** Numbers of streams, below zero if they were reset here. */
  readonly #ended: number[] = [];
  #next = 0;

  add(stream: number, wasReset: boolean): void {
    this.#ended[this.#next] = wasReset ? -stream : stream;
    this.#next = (this.#next + 1) % KEPT;
  }

  wasReset(stream: number): boolean {
    return this.#ended.includes(-stream);
  }

  hasEnded(stream: number): boolean {
    return this.#ended.includes(stream);
  }
}

import type { Clock } from '../../ports/clock.ts';
import { Generations } from './generations.ts';

const REMEMBERED = 20_000;
const TURN_MS = 10 * 60_000;

/**
 * What was reported under a name that the client chose: for ten minutes at least, and twenty at most, unless more than
 * 20,000 others came since. What is not durable yet is known too, so that whoever repeats it waits for the same thing.
 */
export class ReportedIds {
  readonly #clock: Clock;
  readonly #known = new Generations<string, Promise<void>>(REMEMBERED);
  #turnedAt: number;

  constructor(clock: Clock) {
    this.#clock = clock;
    this.#turnedAt = clock.monotonic();
  }

  /** When what was reported under this name is durable; undefined if nothing was. */
  landing(name: string): Promise<void> | undefined {
    const now = this.#clock.monotonic();
    if (now - this.#turnedAt >= TURN_MS) {
      this.#turnedAt = now;
      this.#known.turn();
    }
    return this.#known.get(name);
  }

  /** It is on its way. If it does not arrive it is as if it had never been reported. */
  add(name: string, landing: Promise<void>): void {
    this.#known.set(name, landing);
    landing.catch(() => this.#known.delete(name));
  }
}

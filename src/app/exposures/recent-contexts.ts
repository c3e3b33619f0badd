import { absorb, type Murmur3State, murmur3 } from '../../core/murmur3.ts';
import type { Clock } from '../../ports/clock.ts';
import { Generations } from './generations.ts';

const REMEMBERED = 20_000;
const FORGOTTEN_AFTER_MS = 10 * 60_000;

/**
 * Whose attributes were told lately. Remembers hashes only: once in very many times it takes one subject for another, and
 * those attributes are told some minutes later.
 */
export class RecentContexts {
  readonly #clock: Clock;
  readonly #told = new Generations<number, true>(REMEMBERED);
  #turnedAt: number;
  #place = '';
  #high: Murmur3State = absorb('');
  #low: Murmur3State = absorb('');

  constructor(clock: Clock) {
    this.#clock = clock;
    this.#turnedAt = clock.monotonic();
  }

  /** Whether they have to be told; from now on they are. `text` is the attributes as JSON. */
  isNews(place: string, subject: string, text: string): boolean {
    this.#forget();
    if (place !== this.#place) {
      this.#place = place;
      this.#high = absorb(`high ${place} `);
      this.#low = absorb(`low ${place} `);
    }
    const about = `${subject}\n${text}`;
    const key = (murmur3(this.#high, about) & 0x1f_ffff) * 2 ** 32 + murmur3(this.#low, about);
    if (this.#told.get(key) === true) return false;
    this.#told.set(key, true);
    return true;
  }

  #forget(): void {
    const now = this.#clock.monotonic();
    if (now - this.#turnedAt < FORGOTTEN_AFTER_MS) return;
    this.#turnedAt = now;
    this.#told.turn();
  }
}

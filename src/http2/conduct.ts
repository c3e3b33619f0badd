import { Budget } from './budget.ts';
import { ConnectionError, ENHANCE_YOUR_CALM } from './errors.ts';

/** Streams that were given up, by the peer or because of what it did: at once, and in a second. */
const RESETS = [200, 33] as const;
/** And for every stream that ended well, so many. */
const RESETS_EARNED = 0.5;

/** Frames that move nothing: settings, priorities, windows, unknown ones, empty ones. */
const IDLE_FRAMES = [1_000, 100] as const;
/** And for every one that does, in either direction. */
const IDLE_EARNED = 2;

/** Pings that come sooner, while nothing is sent in between, are for nothing. */
const PING_INTERVAL_MS = 5_000;
const MOST_HASTY_PINGS = 5;

/**
 * Watches what a peer does that costs it next to nothing. Its functions throw a ConnectionError once that is more than
 * a client has any reason for; how much traffic there is beside it counts.
 */
export class Conduct {
  readonly #now: () => number;
  readonly #resets = new Budget(...RESETS);
  readonly #idleFrames = new Budget(...IDLE_FRAMES);
  #hastyPings = 0;
  #lastPingAt = Number.NEGATIVE_INFINITY;
  #sentAtPing = 0;
  #sentAtIdle = 0;

  constructor(now: () => number) {
    this.#now = now;
  }

  /** A stream was given up before its end. */
  reset(): void {
    if (!this.#resets.spend(this.#now())) throw tooMuch('too many streams were reset');
  }

  /** A stream was answered to its end. */
  finished(): void {
    this.#resets.earn(RESETS_EARNED);
  }

  /** A frame brought something. */
  useful(): void {
    this.#idleFrames.earn(IDLE_EARNED);
  }

  /** A frame brought nothing, or as much work as so many. `sent`: frames of answers so far. */
  idle(sent: number, cost = 1): void {
    this.#idleFrames.earn((sent - this.#sentAtIdle) * IDLE_EARNED);
    this.#sentAtIdle = sent;
    if (!this.#idleFrames.spend(this.#now(), cost)) throw tooMuch('too many frames that do nothing');
  }

  /** A ping, to keep the connection alive or to measure how far it is. */
  ping(sent: number): void {
    this.idle(sent);
    const now = this.#now();
    const isHasty = sent === this.#sentAtPing && now - this.#lastPingAt < PING_INTERVAL_MS;
    this.#hastyPings = isHasty ? this.#hastyPings + 1 : 0;
    this.#lastPingAt = now;
    this.#sentAtPing = sent;
    if (this.#hastyPings >= MOST_HASTY_PINGS) throw tooMuch('too_many_pings');
  }
}

function tooMuch(message: string): ConnectionError {
  return new ConnectionError(ENHANCE_YOUR_CALM, message);
}

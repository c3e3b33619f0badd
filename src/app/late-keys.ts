import { FlagError } from '../core/errors.ts';
import type { Clock } from '../ports/clock.ts';
import type { Catalog } from './catalog.ts';

/** What has to be known of the log. */
type Log = Pick<Catalog, 'refresh' | 'isReachable' | 'stalestMs'>;

/** How long a key that is in no log stays none without another look. */
const NONE_FOR_MS = 1_000;
/** The time between two looks, however many keys are asked for. */
const LOOK_EVERY_MS = 100;
const PATIENCE_MS = 2_000;
/** After a look that went well everything is younger. */
const FRESH_MS = 5_000;
const RETRY_AFTER_MS = 1_000;
const MOST_REMEMBERED = 10_000;

/** Looks for keys that this replica does not know, for they may have been made a moment ago on another. */
export class LateKeys {
  readonly #log: Log;
  readonly #clock: Clock;
  /** Keys that were in no log, by when that was found. */
  readonly #none = new Map<string, number>();
  #lookedAt = Number.NEGATIVE_INFINITY;
  #look: Promise<boolean> | undefined;

  constructor(log: Log, clock: Clock) {
    this.#log = log;
    this.#clock = clock;
  }

  /**
   * Resolves once everything in the log is known here that was there at the call; at once for a key that was looked for
   * just now. Rejects with `unavailable` if nobody can say what is in the log.
   */
  async find(keyId: string): Promise<void> {
    const now = this.#clock.monotonic();
    if (now - (this.#none.get(keyId) ?? Number.NEGATIVE_INFINITY) < NONE_FOR_MS) return;
    if (!this.#log.isReachable || !(await this.#looked())) throw unverified();
    if (this.#log.stalestMs() > FRESH_MS) throw unverified();
    if (this.#none.size >= MOST_REMEMBERED) this.#none.clear();
    this.#none.set(keyId, this.#clock.monotonic());
  }

  /** Whether the log was reached; false also if that takes too long. */
  async #looked(): Promise<boolean> {
    const { promise: late, resolve } = Promise.withResolvers<boolean>();
    using _timer = this.#clock.after(PATIENCE_MS, () => resolve(false));
    return await Promise.race([this.#nextLook(), late]);
  }

  /** Shared by all who ask before it begins. */
  #nextLook(): Promise<boolean> {
    this.#look ??= this.#pause().then(() => {
      this.#look = undefined;
      this.#lookedAt = this.#clock.monotonic();
      return this.#log.refresh();
    });
    return this.#look;
  }

  async #pause(): Promise<void> {
    const leftMs = this.#lookedAt + LOOK_EVERY_MS - this.#clock.monotonic();
    if (leftMs > 0) await new Promise<void>((resolve) => void this.#clock.after(leftMs, resolve));
  }
}

function unverified(): FlagError {
  return new FlagError('unavailable', 'this key is not known here, and the log cannot be asked for it', {
    reason: 'KEY_UNVERIFIED',
    retryAfterMs: RETRY_AFTER_MS,
  });
}

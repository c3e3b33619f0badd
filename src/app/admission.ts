import { FlagError } from '../core/errors.ts';
import type { Clock } from '../ports/clock.ts';

/** What one key or one address may take of this process. 0 is no limit. */
export interface AdmissionLimits {
  readonly callsPerKeyPerSecond: number;
  readonly streamsPerKey: number;
  readonly streamsPerAddress: number;
  /** Of those, streams that need no key: health and reflection. */
  readonly openStreamsPerAddress: number;
  /** Calls with a key that is none. */
  readonly refusedKeysPerAddressPerSecond: number;
}

/** Lets in what is within the limits, and says when to try again. Nothing is kept for those who have been quiet. */
export class Admission {
  readonly #calls: Buckets;
  readonly #refusals: Buckets;
  readonly #keyStreams: Counts;
  readonly #addressStreams: Counts;
  readonly #openStreams: Counts;

  constructor(limits: AdmissionLimits, clock: Clock) {
    this.#calls = new Buckets(
      limits.callsPerKeyPerSecond,
      clock,
      'CALLS_PER_KEY',
      'too many calls with this key',
    );
    this.#refusals = new Buckets(
      limits.refusedKeysPerAddressPerSecond,
      clock,
      'REFUSED_KEYS',
      'too many calls with keys that are not valid',
    );
    this.#keyStreams = new Counts(limits.streamsPerKey, 'STREAMS_PER_KEY', 'too many streams with this key');
    this.#openStreams = new Counts(
      limits.openStreamsPerAddress,
      'STREAMS_PER_ADDRESS',
      'too many streams without a key from this address',
    );
    this.#addressStreams = new Counts(
      limits.streamsPerAddress,
      'STREAMS_PER_ADDRESS',
      'too many streams from this address',
    );
  }

  /** Counts a call. Rejects with `exhausted` once a key has used up what it may do in a second. */
  call(keyId: string): void {
    this.#calls.take(keyId);
  }

  /** What counts one call each time, as `call` does: for a stream, whose messages are calls and come close together. */
  callCounter(keyId: string): () => void {
    return this.#calls.taker(keyId);
  }

  /**
   * Counts a wrong key. Rejects with `exhausted` when an address presents too many; its right keys are not affected,
   * for many callers may share an address.
   */
  refused(address: string): void {
    this.#refusals.take(address);
  }

  /**
   * Counts a stream until disposed, which may happen more than once; one without a key counts by its address. Rejects
   * with `exhausted` beyond the limits.
   */
  stream(keyId: string | undefined, address: string): Disposable {
    const first = keyId === undefined ? this.#openStreams.enter(address) : this.#keyStreams.enter(keyId);
    try {
      const second = this.#addressStreams.enter(address);
      return {
        [Symbol.dispose]: () => {
          first();
          second();
        },
      };
    } catch (error) {
      first();
      throw error;
    }
  }
}

interface Bucket {
  tokens: number;
  /** When they were counted. */
  at: number;
  /** Taken out of the tokens already, to be used without a look at the clock. */
  granted: number;
}

/** Of a second's worth of tokens, so much is granted at once. */
const GRANT_SHARE = 1 / 1_000;

/** A second's worth of tokens for each name, refilled as time passes. */
class Buckets {
  readonly #perSecond: number;
  readonly #clock: Clock;
  readonly #reason: string;
  readonly #message: string;
  readonly #mostGranted: number;
  #used = new Map<string, Bucket>();
  #sweptAt = 0;

  constructor(perSecond: number, clock: Clock, reason: string, message: string) {
    this.#perSecond = perSecond;
    this.#clock = clock;
    this.#reason = reason;
    this.#message = message;
    this.#mostGranted = Math.max(1, Math.floor(perSecond * GRANT_SHARE));
  }

  take(name: string): void {
    if (this.#perSecond > 0) this.#takeFrom(this.#used.get(name), name);
  }

  /** Takes one each time, without looking for the name when there is no need. */
  taker(name: string): () => void {
    if (this.#perSecond === 0) return () => undefined;
    let bucket = this.#used.get(name);
    return () => {
      bucket = this.#takeFrom(bucket, name);
    };
  }

  /** From that bucket, or from the one that the name has by now. */
  #takeFrom(found: Bucket | undefined, name: string): Bucket {
    const bucket = found !== undefined && found.granted > 0 ? found : this.#granting(name);
    bucket.granted--;
    return bucket;
  }

  #granting(name: string): Bucket {
    const at = this.#clock.monotonic();
    this.#sweep(at);
    const bucket = this.#used.get(name) ?? this.#fill(name, at);
    if (bucket.granted > 0) return bucket;
    const refilled = ((at - bucket.at) / 1_000) * this.#perSecond;
    const tokens = Math.min(this.#perSecond, bucket.tokens + refilled);
    if (tokens < 1) {
      const retryAfterMs = Math.ceil(1_000 / this.#perSecond);
      throw new FlagError('exhausted', this.#message, { reason: this.#reason, retryAfterMs });
    }
    bucket.granted = Math.min(this.#mostGranted, Math.floor(tokens));
    bucket.tokens = tokens - bucket.granted;
    bucket.at = at;
    return bucket;
  }

  #fill(name: string, at: number): Bucket {
    const bucket = { tokens: this.#perSecond, at, granted: 0 };
    this.#used.set(name, bucket);
    return bucket;
  }

  /** After a second without a call a bucket is full, and need not be known. */
  #sweep(at: number): void {
    if (at - this.#sweptAt < 1_000) return;
    this.#sweptAt = at;
    for (const [name, bucket] of this.#used) if (at - bucket.at >= 1_000) this.#used.delete(name);
  }
}

class Counts {
  readonly #limit: number;
  readonly #reason: string;
  readonly #message: string;
  readonly #counts = new Map<string, number>();

  constructor(limit: number, reason: string, message: string) {
    this.#limit = limit;
    this.#reason = reason;
    this.#message = message;
  }

  /** Returns what leaves again, once. */
  enter(name: string): () => void {
    const count = this.#counts.get(name) ?? 0;
    if (this.#limit > 0 && count >= this.#limit)
      throw new FlagError('exhausted', this.#message, { reason: this.#reason, retryAfterMs: 1_000 });
    this.#counts.set(name, count + 1);
    let inside = true;
    return () => {
      if (!inside) return;
      inside = false;
      const left = (this.#counts.get(name) ?? 1) - 1;
      if (left === 0) this.#counts.delete(name);
      else this.#counts.set(name, left);
    };
  }
}

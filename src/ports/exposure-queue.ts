/** What one publish brings: bytes that nobody on the way understands, and the name that tells them from all others. */
export interface Parcel {
  /** Printable ASCII without spaces, at most 128 characters. */
  readonly id: string;
  readonly bytes: Uint8Array;
}

/** A parcel, handed to somebody who is to deal with it. Exactly one of `done`, `again` and `refuse` is to be called. */
export interface Delivery extends Parcel {
  /** How often it was handed out, this time included; 1 if nobody ever had it. May be too low after a crash. */
  readonly attempt: number;
  /** When it was published, epoch milliseconds by the queue's own clock. */
  readonly publishedAt: number;
  /** It was dealt with. Must not be handed out again, unless the queue crashes at about that moment. */
  done(): Promise<void>;
  /** Must be handed out again, to anybody, once `delayMs` have passed or at most a little sooner. */
  again(delayMs: number): Promise<void>;
  /** Nobody can ever deal with it, and it was kept elsewhere. Like `done`, but told apart by whoever runs the queue. */
  refuse(): Promise<void>;
}

export interface QueueState {
  /** Parcels that nobody has dealt with. */
  readonly waiting: number;
  /** Bytes that are kept, dealt with or not. */
  readonly bytes: number;
}

/**
 * Takes what was recorded from those who evaluate to those who write tables, through their crashes and its own. Hands
 * out each parcel at least once; order is not promised, and neither is that a parcel comes only once.
 */
export interface ExposureQueue extends AsyncDisposable {
  /**
   * Must resolve only once the parcel is durable: it will be handed out whoever is killed from now on.
   *
   * - Must keep one of several parcels with the same id that are published within ten minutes of each other, whatever
   *   else happens meanwhile; which of them does not matter, for whoever publishes again publishes the same bytes.
   * - Rejects with `exhausted` when there is no room; then it keeps nothing, and drops nothing that it has.
   * - Rejects with `invalid` for more bytes than it can ever take; it must take 512 KiB.
   * - Rejects with `unavailable` when it cannot say; then the parcel may or may not be kept. Publishing it again is safe.
   *   Must do so after 5 seconds at the latest.
   */
  publish(parcel: Parcel): Promise<void>;

  /**
   * Must hand out up to `limit` parcels, each to one taker at a time and for a minute: if it is not told what became of
   * one by then, it hands it out again. Waits up to `waitMs` for the first. Resolves with none when there is none, or when
   * `signal` aborts. Rejects with `unavailable` when it cannot be reached.
   */
  take(limit: number, waitMs: number, signal?: AbortSignal): Promise<readonly Delivery[]>;

  /** Whether it can be reached at the moment, as far as is known. */
  connected(): boolean;

  /** Must call `listener` each time `connected` has turned true, until the returned handle is disposed. */
  onConnected(listener: () => void): Disposable;

  /** Rejects with `unavailable` when it cannot be reached. */
  state(): Promise<QueueState>;
}

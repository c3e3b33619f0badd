/** How a connection is when it is looked at. */
export interface ConnectionState {
  /** The peer has sent its settings. */
  readonly isGreeted: boolean;
  /** A header block has begun and not ended. */
  readonly isBlockOpen: boolean;
  /** The peer does not take what it was sent. */
  readonly isFull: boolean;
  /** Streams that are open, and all that ever were. */
  readonly streams: number;
  readonly opened: number;
}

/** What is to be done about it: it never began, or does not go on; or nothing runs on it. */
export type Verdict = 'unfinished' | 'stuck' | 'idle' | undefined;

/** How long each thing has been going on, as far as somebody looks. */
export class Vigil {
  readonly #patienceMs: number;
  readonly #idleMs: number;
  #opened = 0;
  #greetedAt: number;
  #blockAt: number;
  #roomAt: number;
  #activeAt: number;

  /** `patienceMs` is for what a peer has begun and must end. */
  constructor(now: number, patienceMs: number, idleMs: number) {
    this.#patienceMs = patienceMs;
    this.#idleMs = idleMs;
    this.#greetedAt = now;
    this.#blockAt = now;
    this.#roomAt = now;
    this.#activeAt = now;
  }

  /** The peer has taken all that it was sent. */
  drained(now: number): void {
    this.#roomAt = now;
  }

  look(now: number, state: ConnectionState): Verdict {
    if (state.isGreeted) this.#greetedAt = now;
    if (!state.isBlockOpen) this.#blockAt = now;
    if (!state.isFull) this.#roomAt = now;
    if (state.streams > 0 || state.opened !== this.#opened) this.#activeAt = now;
    this.#opened = state.opened;
    if (now - Math.min(this.#greetedAt, this.#blockAt) >= this.#patienceMs) return 'unfinished';
    if (now - this.#roomAt >= this.#idleMs) return 'stuck';
    return now - this.#activeAt >= this.#idleMs ? 'idle' : undefined;
  }
}

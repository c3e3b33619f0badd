import { ConnectionError, FLOW_CONTROL_ERROR } from './errors.ts';
import { DEFAULT_WINDOW } from './frames.ts';

/** How much DATA may be under way on a connection. */
export const CONNECTION_WINDOW = 1_048_576;

/** What is beyond `DEFAULT_WINDOW` has to be said at the beginning. */
export const WINDOW_AT_START = CONNECTION_WINDOW - DEFAULT_WINDOW;

/**
 * While streams that are paused hold more than this, only what is held no more makes room for anything else. Below it, no
 * stream waits for another: each has a window of its own.
 */
const MOST_HELD_BYTES = 4_194_304;

/** How much DATA a peer may send on all streams of a connection together. */
export class InboundWindow {
  #taken = 0;
  #held = 0;

  /** Throws a ConnectionError for more than there was room for. */
  receive(bytes: number): void {
    this.#taken += bytes;
    if (this.#taken > CONNECTION_WINDOW)
      throw new ConnectionError(FLOW_CONTROL_ERROR, 'more data than the window of the connection');
  }

  /** So much is kept for streams that take nothing at present, or, below zero, is not any more. */
  hold(bytes: number): void {
    this.#held += bytes;
  }

  /** By how much to open the peer's window: 0, or so much that it is worth a frame. */
  increment(): number {
    if (this.#taken < CONNECTION_WINDOW / 2 || this.#held > MOST_HELD_BYTES) return 0;
    const increment = this.#taken;
    this.#taken = 0;
    return increment;
  }
}

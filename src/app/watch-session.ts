import { endOf } from './watch.ts';
import type { WatchEvent } from './watch-events.ts';
import type { Seat } from './watch-hub.ts';
import type { WatchParts, WatchRequest } from './watch-request.ts';
import { WatchStream } from './watch-stream.ts';

/** Where the messages of a watch go. */
export interface WatchSink {
  /** Takes a message. False: it holds as much as it should, and says `drained` to the session when it has sent that. */
  take(event: WatchEvent): boolean;
  /** The watch is over: nothing comes after this. `FlagError`, or something unforeseen. */
  end(error: unknown): void;
}

/**
 * One watch that pushes: each message is worked out when the sink has room for it, so that a watcher who is slow gets
 * one step over all that it missed, and nothing is kept for it. It has no timer and, between messages, no promise.
 */
export class WatchSession implements Disposable {
  readonly #stream: WatchStream;
  readonly #sink: WatchSink;
  readonly #seat: Seat;
  /** Something has to be waited for before there can be a next message. */
  #isHeld = true;
  #isOver = false;

  constructor(parts: WatchParts, request: WatchRequest, sink: WatchSink) {
    this.#stream = new WatchStream(parts, request);
    this.#sink = sink;
    this.#seat = parts.hub.join(request.place.project, {
      wake: () => this.#pump(),
      end: () => {
        this[Symbol.dispose]();
        request.terminate();
      },
    });
    this.#stream
      .begin(() => this.#isOver)
      .then(
        () => this.#goOn(),
        (error: unknown) => this.#end(error),
      );
  }

  /** The sink has room again. */
  drained(): void {
    this.#seat.took();
    this.#goOn();
  }

  /** The watcher left: the sink is not called any more. */
  [Symbol.dispose](): void {
    if (this.#isOver) return;
    this.#isOver = true;
    this.#stream[Symbol.dispose]();
    this.#seat[Symbol.dispose]();
  }

  #goOn(): void {
    this.#isHeld = false;
    this.#pump();
  }

  #pump(): void {
    try {
      while (!this.#isHeld && !this.#isOver) {
        const next = this.#stream.next();
        if (next instanceof Promise) {
          this.#await(next);
          return;
        }
        if (next === undefined) {
          this.#seat.wakeAt(this.#stream.wakeAt());
          return;
        }
        this.#give(next);
      }
    } catch (error) {
      this.#end(error);
    }
  }

  #await(next: Promise<WatchEvent | undefined>): void {
    this.#isHeld = true;
    next.then(
      (event) => {
        if (this.#isOver) return;
        this.#isHeld = false;
        if (event !== undefined) this.#give(event);
        this.#pump();
      },
      (error: unknown) => this.#end(error),
    );
  }

  #give(event: WatchEvent): void {
    if (!this.#sink.take(event)) {
      this.#isHeld = true;
      this.#seat.handed();
      // Whoever takes a snapshot slowly does not keep others from theirs.
      this.#stream.yieldTurn();
    }
    if (event.kind === 'goodbye') this.#end(endOf(event.reason, event.retryAfterMs));
  }

  #end(error: unknown): void {
    if (this.#isOver) return;
    this[Symbol.dispose]();
    this.#sink.end(error);
  }
}

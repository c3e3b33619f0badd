import { FlagError } from '../../core/errors.ts';
import type { Clock } from '../../ports/clock.ts';
import type { ExposureQueue, Parcel } from '../../ports/exposure-queue.ts';
import type { DeclaredLoss } from '../../ports/exposure-store.ts';

/** A batch on its way, and what is lost with it if the queue can never take it. */
export interface Outgoing extends Parcel {
  readonly sequence: number;
  readonly units: number;
  readonly losses: readonly DeclaredLoss[];
  /** Told once, when it is durable, or that it never will be. */
  readonly settled?: (error: FlagError | undefined) => void;
}

export interface PublisherParts {
  readonly queue: ExposureQueue;
  readonly clock: Clock;
  /** From 0 up to 1. */
  readonly random: () => number;
  /** The queue will never take it. */
  readonly givenUp: (parcel: Outgoing) => void;
  /** Hears when the queue stops taking parcels, and when it takes them again. */
  readonly report: (problem: string, details: Readonly<Record<string, unknown>>) => void;
}

const MOST_IN_FLIGHT = 64;
const FIRST_PAUSE_MS = 100;
const LONGEST_PAUSE_MS = 10_000;
/** What a parcel takes beside its bytes: the objects around them. */
const OVERHEAD_BYTES = 600;

/**
 * Brings parcels to the queue, about in their order, until it says that they are durable: the same bytes under the same
 * name however often that takes. While the queue takes none, one is tried now and then, ever more rarely.
 */
export class Publisher implements Disposable {
  /** Of all parcels that are not known to be durable. */
  bytes = 0;
  published = 0;
  retries = 0;
  readonly #parts: PublisherParts;
  readonly #waiting: Outgoing[] = [];
  /** So many of those that wait, from the first on, are to be sent. */
  #released = 0;
  #inFlight = 0;
  /** How many may be under way: few at first after a failure. */
  #window = MOST_IN_FLIGHT;
  #failures = 0;
  #pause: Disposable | undefined;
  #idle: (() => void)[] = [];
  readonly #subscription: Disposable;
  #isOver = false;

  constructor(parts: PublisherParts) {
    this.#parts = parts;
    this.#subscription = parts.queue.onConnected(() => this.#resume());
  }

  get count(): number {
    return this.#waiting.length + this.#inFlight;
  }

  /** Since when the queue takes nothing; in tries. 0: it takes what it gets. */
  get failures(): number {
    return this.#failures;
  }

  /** How many wait for `send`. */
  get held(): number {
    return this.#waiting.length - this.#released;
  }

  /** It is sent when `send` is called. */
  add(parcel: Outgoing): void {
    this.bytes += sizeOf(parcel);
    this.#waiting.push(parcel);
  }

  /** Sends all that was added: what goes together costs a queue less than one by one. */
  send(): void {
    this.#released = this.#waiting.length;
    this.#pump();
  }

  /** Resolves when there is nothing on its way any more. */
  async whenIdle(): Promise<void> {
    if (this.count === 0) return;
    await new Promise<void>((resolve) => void this.#idle.push(resolve));
  }

  /** Tries at once what waits for a better time. */
  #resume(): void {
    this.#pause?.[Symbol.dispose]();
    this.#pause = undefined;
    this.#pump();
  }

  #pump(): void {
    while (
      !this.#isOver &&
      this.#pause === undefined &&
      this.#inFlight < this.#window &&
      this.#released > 0
    ) {
      const parcel = this.#waiting.shift();
      if (parcel === undefined) return;
      this.#released--;
      this.#inFlight++;
      this.#publish(parcel).then(
        () => this.#landed(parcel),
        (error: unknown) => this.#failed(parcel, error),
      );
    }
  }

  async #publish({ id, bytes }: Outgoing): Promise<void> {
    await this.#parts.queue.publish({ id, bytes });
  }

  #landed(parcel: Outgoing): void {
    if (this.#failures > 0) this.#parts.report('exposures are taken again', { tries: this.#failures });
    this.#failures = 0;
    this.#window = Math.min(MOST_IN_FLIGHT, this.#window * 2);
    this.published++;
    this.#settle(parcel, undefined);
  }

  #failed(parcel: Outgoing, error: unknown): void {
    if (error instanceof FlagError && error.kind === 'invalid') {
      this.#parts.givenUp(parcel);
      this.#settle(parcel, error);
      return;
    }
    this.#inFlight--;
    this.retries++;
    this.#waiting.unshift(parcel);
    this.#released++;
    this.#window = 1;
    if (this.#pause !== undefined || this.#isOver) return;
    if (this.#failures === 0) this.#parts.report('exposures are not taken, and wait', { error });
    const pauseMs = Math.min(LONGEST_PAUSE_MS, FIRST_PAUSE_MS * 2 ** Math.min(this.#failures, 20));
    this.#failures++;
    this.#pause = this.#parts.clock.after(pauseMs * (0.5 + this.#parts.random() / 2), () => this.#resume());
  }

  #settle(parcel: Outgoing, error: FlagError | undefined): void {
    this.#inFlight--;
    this.bytes -= sizeOf(parcel);
    parcel.settled?.(error);
    this.#pump();
    if (this.count > 0) return;
    const idle = this.#idle;
    this.#idle = [];
    for (const resolve of idle) resolve();
  }

  [Symbol.dispose](): void {
    this.#isOver = true;
    this.#pause?.[Symbol.dispose]();
    this.#subscription[Symbol.dispose]();
  }
}

function sizeOf({ bytes }: Parcel): number {
  return bytes.length + OVERHEAD_BYTES;
}

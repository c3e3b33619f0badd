import { Alarm } from '../../app/alarm.ts';
import type { Clock } from '../../ports/clock.ts';

/** Whoever is still there so long after it came gets an alarm of its own. */
const LOOK_AFTER_MS = 20;

/** A call whose time may run out. */
export interface Waiting {
  /** Called once, a moment after the call came. Does nothing if it is answered, else sets an alarm. */
  arm(): void;
}

/** Calls in the order in which they came. Who is answered takes itself out, and is not kept for a moment longer. */
export type Line = (Waiting | undefined)[];

/**
 * Deadlines for calls of which nearly all are answered at once, and cost no timer then. A deadline is kept to within
 * `LOOK_AFTER_MS`; who needs it earlier arms at once.
 */
export class Deadlines {
  readonly #clock: Clock;
  readonly #alarm: Alarm;
  #newcomers: Line = [];
  #isLooking = false;

  /** Goes by the time that never jumps. */
  constructor(clock: Clock) {
    const now = () => clock.monotonic();
    this.#clock = { now, monotonic: now, after: (delayMs, task) => clock.after(delayMs, task) };
    this.#alarm = new Alarm(this.#clock);
  }

  /** By the clock of `at`. */
  now(): number {
    return this.#clock.monotonic();
  }

  /** Calls `task` when it is `at`, or a moment later, unless disposed first. */
  at(at: number, task: () => void): Disposable {
    return this.#alarm.at(at, task);
  }

  /** Has `call` armed. Returns the line that it waits in, of which it is the last; one that cannot wait is armed at once. */
  watch(call: Waiting, timeoutMs: number): Line | undefined {
    if (timeoutMs <= LOOK_AFTER_MS) {
      call.arm();
      return undefined;
    }
    this.#newcomers.push(call);
    if (!this.#isLooking) this.#clock.after(LOOK_AFTER_MS, () => this.#look());
    this.#isLooking = true;
    return this.#newcomers;
  }

  #look(): void {
    const newcomers = this.#newcomers;
    this.#newcomers = [];
    this.#isLooking = false;
    for (const call of newcomers) call?.arm();
  }
}

import type { ChangeBus } from '../ports/change-bus.ts';
import type { Clock } from '../ports/clock.ts';
import { Complaints } from './complaints.ts';
import type { Report } from './quarantine.ts';
import { Rounds } from './rounds.ts';

export interface PollingParts {
  readonly bus: ChangeBus;
  readonly clock: Clock;
  readonly report: Report;
  /** From 0 up to 1. */
  readonly random: () => number;
}

/** From three fifths of these up to the whole, so that replicas do not ask in step. */
const POLL_MS = 2_000;
const POLL_DISCONNECTED_MS = 500;
const LEAST_SHARE = 0.6;
/** Whoever does not answer at all is not waited for. */
const PATIENCE_MS = 20_000;
const UNREACHABLE = 'cannot reach the log';

/**
 * Compares with the log again and again for as long as it takes: every two seconds, every half second while the bus is
 * away, and at once when it is back.
 */
export class Polling implements AsyncDisposable {
  readonly #parts: PollingParts;
  readonly #rounds: Rounds<boolean>;
  readonly #complaints: Complaints;
  #reconnection: Disposable | undefined;
  #poll: Disposable | undefined;
  #reachedAt = Number.NEGATIVE_INFINITY;
  #isReachable = true;
  #disposed = false;

  /** `compare` resolves, once it is done, to when the log had answered; it rejects if the log cannot be reached. */
  constructor(parts: PollingParts, compare: () => Promise<number>) {
    this.#parts = parts;
    this.#complaints = new Complaints(parts.clock, parts.report);
    this.#rounds = new Rounds(() => this.#compare(compare));
  }

  /** Begins; resolves after the first comparison to whether the log was reached. */
  async start(): Promise<boolean> {
    this.#reconnection = this.#parts.bus.onConnected(() => void this.now());
    return await this.now();
  }

  /** Compares with the log now; resolves when that is done to whether the log was reached. */
  now(): Promise<boolean> {
    return this.#disposed ? Promise.resolve(false) : this.#rounds.next();
  }

  /** Whether the log was reached by the last comparison. */
  get isReachable(): boolean {
    return this.#isReachable;
  }

  /** When the last comparison for which the log was reached had begun (monotonic milliseconds). */
  get reachedAt(): number {
    return this.#reachedAt;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#disposed = true;
    this.#reconnection?.[Symbol.dispose]();
    this.#poll?.[Symbol.dispose]();
    await this.#rounds.idle();
  }

  async #compare(compare: () => Promise<number>): Promise<boolean> {
    if (this.#disposed) return false;
    this.#poll?.[Symbol.dispose]();
    try {
      this.#reached(await this.#within(compare()));
    } catch (error) {
      this.#failed(error);
    }
    this.#schedule();
    return this.#isReachable;
  }

  async #within(comparing: Promise<number>): Promise<number> {
    const { promise: late, reject } = Promise.withResolvers<never>();
    using _timer = this.#parts.clock.after(PATIENCE_MS, () => reject(new Error('the log does not answer')));
    return await Promise.race([comparing, late]);
  }

  #reached(at: number): void {
    if (!this.#isReachable) this.#parts.report('the log is reached again', {});
    this.#complaints.end(UNREACHABLE, '');
    this.#isReachable = true;
    this.#reachedAt = Math.max(this.#reachedAt, at);
  }

  #failed(error: unknown): void {
    this.#complaints.make(UNREACHABLE, '', { error });
    this.#isReachable = false;
  }

  #schedule(): void {
    this.#poll?.[Symbol.dispose]();
    if (this.#disposed) return;
    const share = LEAST_SHARE + (1 - LEAST_SHARE) * this.#parts.random();
    this.#wait(POLL_MS * share, POLL_DISCONNECTED_MS * share);
  }

  /** In steps, so that a bus that is lost meanwhile does not have to be waited for. */
  #wait(leftMs: number, stepMs: number): void {
    const { bus, clock } = this.#parts;
    this.#poll = clock.after(stepMs, () => {
      // Shares of a millisecond are nothing to wait for.
      if (bus.connected() && leftMs - stepMs >= 1) this.#wait(leftMs - stepMs, stepMs);
      else void this.now();
    });
  }
}

import type { Clock } from '../ports/clock.ts';
import type { Report } from './quarantine.ts';

const EVERY_MS = 30_000;

/** Reports what goes on being wrong now and then, instead of each time that it is noticed. */
export class Complaints {
  readonly #clock: Clock;
  readonly #report: Report;
  readonly #saidAt = new Map<string, number>();

  constructor(clock: Clock, report: Report) {
    this.#clock = clock;
    this.#report = report;
  }

  /** The same problem of the same subject is reported again after half a minute, unless it was over meanwhile. */
  make(problem: string, subject: string, details: Readonly<Record<string, unknown>>): void {
    const now = this.#clock.monotonic();
    const saidAt = this.#saidAt.get(`${problem} ${subject}`) ?? Number.NEGATIVE_INFINITY;
    if (now - saidAt < EVERY_MS) return;
    this.#saidAt.set(`${problem} ${subject}`, now);
    this.#report(problem, details);
  }

  /** The problem is over. */
  end(problem: string, subject: string): void {
    if (this.#saidAt.size > 0) this.#saidAt.delete(`${problem} ${subject}`);
  }
}

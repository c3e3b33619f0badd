import { type ErrorKind, FlagError } from '../../core/errors.ts';

/** What is over at some time, whatever it is about: nobody is to blame. */
const PASSING: readonly ErrorKind[] = ['unavailable', 'exhausted', 'deadline', 'cancelled'];
/** Of a batch that fails for no reason that is known. */
export const MOST_ATTEMPTS = 5;
/** Of a batch with which whoever was to store it died, or hung, which takes minutes. */
export const MOST_DEATHS = 3;
const MOST_REMEMBERED = 10_000;

/** Whether the same will work later: the store cannot be reached, or has no room. */
export function isPassing(error: unknown): boolean {
  if (isDeath(error)) return false;
  return error instanceof FlagError && PASSING.includes(error.kind);
}

/** Whether the same can never work. */
export function isHopeless(error: unknown): boolean {
  return error instanceof FlagError && error.kind === 'invalid';
}

/** Whether what was to store it died, of this or of something else that was in hand. */
export function isDeath(error: unknown): boolean {
  return error instanceof FlagError && error.details.reason === 'STORE_DIED';
}

/** How often batches failed for reasons that nobody has foreseen, and that may be passing or not. */
export class Failures {
  readonly #counts = new Map<string, number>();

  /** One more, and how many that makes. */
  add(id: string): number {
    const count = (this.#counts.get(id) ?? 0) + 1;
    this.#counts.set(id, count);
    const [oldest] = this.#counts.keys();
    if (this.#counts.size > MOST_REMEMBERED && oldest !== undefined) this.#counts.delete(oldest);
    return count;
  }

  /** Whether it failed before. */
  has(id: string): boolean {
    return this.#counts.has(id);
  }

  forget(id: string): void {
    this.#counts.delete(id);
  }
}

import type { Clock } from '../ports/clock.ts';

/**
 * Reads milliseconds since the epoch with fractions: what the clock of the machine says, which counts whole ones, in
 * the steps of the one that never jumps. When the machine's is set, this one follows.
 */
export function fineClock(clock: Clock): () => number {
  let offset = clock.now() - clock.monotonic();
  return () => {
    const now = clock.now();
    const monotonic = clock.monotonic();
    const fractionMs = monotonic + offset - now;
    if (fractionMs < 0 || fractionMs > 1) offset = now - monotonic;
    return monotonic + offset;
  };
}

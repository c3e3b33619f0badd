import type { Catalog } from '../app/catalog.ts';
import type { Clock } from '../ports/clock.ts';
import type { Readiness } from './readiness.ts';

export interface FreshnessOptions {
  /** How old what is served may be without a word. */
  readonly maxStalenessMs: number;
  /** Whether to be sent calls when the log was not reached for so long: everybody may be in the same place. */
  readonly servesStale: boolean;
  /** How long a process that has only what it had saved waits for the log before it is sent calls. */
  readonly coldStartMs: number;
}

/** What has to be known of the log. */
type Log = Pick<Catalog, 'silenceMs' | 'stalestMs' | 'isReachable'>;

const LOOK_EVERY_MS = 1_000;

/**
 * Keeps readiness in step with how old is what is served, until disposed: `unverified` after a start from what was
 * saved, `behind` if the log is there but cannot be followed, `stale` if it is not there.
 */
export function watchFreshness(
  log: Log,
  readiness: Pick<Readiness, 'block' | 'unblock'>,
  options: FreshnessOptions,
  clock: Clock,
): Disposable {
  const startedAt = clock.monotonic();
  const set = (reason: string, holds: boolean) =>
    holds ? readiness.block(reason) : readiness.unblock(reason);
  let next: Disposable | undefined;
  const look = (): void => {
    const silenceMs = log.silenceMs();
    const { maxStalenessMs, servesStale, coldStartMs } = options;
    const isNew = clock.monotonic() - startedAt < coldStartMs;
    const isOld = log.stalestMs() > maxStalenessMs;
    set('unverified', silenceMs === Number.POSITIVE_INFINITY && isNew);
    set('behind', log.isReachable && isOld);
    set('stale', !servesStale && silenceMs > maxStalenessMs);
    next = clock.after(Math.min(LOOK_EVERY_MS, isNew ? coldStartMs : LOOK_EVERY_MS), look);
  };
  look();
  return { [Symbol.dispose]: () => next?.[Symbol.dispose]() };
}

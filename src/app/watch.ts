import { FlagError } from '../core/errors.ts';
import type { GoodbyeReason, WatchEvent } from './watch-events.ts';
import type { WatchParts, WatchRequest } from './watch-request.ts';
import { WatchStream } from './watch-stream.ts';
import { Waiter } from './watch-waiter.ts';

/**
 * The state of an environment as one watcher sees it, then every change, until the watcher leaves or is told
 * goodbye; it always ends by throwing. Nothing is computed before the last message was taken, and nothing is kept
 * for later: a watcher that is slow gets one step over all that it missed.
 */
export async function* watch(
  parts: WatchParts,
  request: WatchRequest,
  signal: AbortSignal,
): AsyncGenerator<WatchEvent, never> {
  using stream = new WatchStream(parts, request);
  using waiter = new Waiter(parts.hub, request.place.project, request.terminate);
  const { seat } = waiter;
  signal.addEventListener('abort', () => waiter[Symbol.dispose](), { once: true });
  await stream.begin(() => signal.aborted);
  for (;;) {
    if (signal.aborted) throw new FlagError('cancelled', 'the watcher left');
    const next = stream.next();
    const event = next instanceof Promise ? await next : next;
    if (event === undefined) {
      await waiter.wait(stream.wakeAt());
      continue;
    }
    seat.handed();
    yield event;
    seat.took();
    if (event.kind === 'goodbye') throw endOf(event.reason, event.retryAfterMs);
  }
}

/** What a watch ends with after its goodbye. */
export function endOf(reason: GoodbyeReason, retryAfterMs: number): FlagError {
  switch (reason) {
    case 'key_revoked':
      return new FlagError('unauthenticated', 'the key was revoked or has expired', {
        reason: 'KEY_INVALID',
      });
    case 'environment_gone':
      return new FlagError('not_found', 'the environment is gone', { reason: 'ENVIRONMENT_NOT_FOUND' });
    default:
      return new FlagError('unavailable', `goodbye: ${reason}`, {
        reason: `GOODBYE_${reason.toUpperCase()}`,
        retryAfterMs,
      });
  }
}

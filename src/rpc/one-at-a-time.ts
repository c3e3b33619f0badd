import type { HandlerContext } from '@connectrpc/connect';
import { Turns } from '../app/turns.ts';
import { FlagError } from '../core/errors.ts';
import type { Clock } from '../ports/clock.ts';

const RETRY_AFTER_MS = 1_000;
const LONGEST_MS = 60_000;

type Method<Request, Response> = (request: Request, context: HandlerContext) => Promise<Response>;

/**
 * For what looks at much: each lets the event loop go on now and then, but several together would take all that is left.
 * What it gives makes methods take turns; they reject with `exhausted`, for this reason, when too many wait already.
 */
export function oneAtATime(
  clock: Clock,
  reason: 'TOO_MANY_PREVIEWS' | 'TOO_MANY_COUNTS',
  mostWaiting: number,
) {
  const turns = new Turns(clock, { limit: 1, holdMs: LONGEST_MS });
  let present = 0;
  return <Request, Response>(method: Method<Request, Response>): Method<Request, Response> =>
    async (request, context) => {
      if (present > mostWaiting)
        throw new FlagError('exhausted', 'too many wait for such an answer already', {
          reason,
          retryAfterMs: RETRY_AFTER_MS,
        });
      present++;
      try {
        using _turn = await turns.take();
        if (context.signal.aborted) throw new FlagError('cancelled', 'nobody waits for the answer');
        return await method(request, context);
      } finally {
        present--;
      }
    };
}

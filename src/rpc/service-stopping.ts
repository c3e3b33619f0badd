import { FlagError } from '../core/errors.ts';

/** What a stream ends with that says no goodbye of its own, when the service is about to end. */
export function serviceStopping(): FlagError {
  return new FlagError('unavailable', 'the service is stopping', { reason: 'GOODBYE_SHUTDOWN' });
}

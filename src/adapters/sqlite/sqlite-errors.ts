import { FlagError } from '../../core/errors.ts';

/** Primary result codes, from sqlite.org/rescode.html. */
const BUSY = 5;
const LOCKED = 6;
const CORRUPT = 11;
const FULL = 13;
const PROTOCOL = 15;
const TOO_BIG = 18;
const CONSTRAINT = 19;
const MISMATCH = 20;
const NOT_A_DATABASE = 26;

/** Whether somebody else holds a lock, so that the same may work a moment later. */
export function isBusy(error: unknown): boolean {
  const code = resultCode(error);
  return code === BUSY || code === LOCKED || code === PROTOCOL;
}

/** Whether what was to be written is wrong, and will be the next time. */
export function isRefusal(error: unknown): boolean {
  const code = resultCode(error);
  return code === CONSTRAINT || code === TOO_BIG || code === MISMATCH;
}

/** What to throw for what SQLite threw: it never gets beyond the adapter. Anything else stays as it is. */
export function translated(error: unknown): unknown {
  const code = resultCode(error);
  switch (code) {
    case undefined:
      return error;
    case BUSY:
    case LOCKED:
    case PROTOCOL:
      return new FlagError('unavailable', 'the store is busy', { reason: 'STORE_BUSY', cause: error });
    case FULL:
      return new FlagError('exhausted', 'the store has no space left', {
        reason: 'STORE_FULL',
        cause: error,
      });
    case CORRUPT:
    case NOT_A_DATABASE:
      return new FlagError('unavailable', 'the store is damaged', { reason: 'STORE_DAMAGED', cause: error });
    default:
      return new FlagError('unavailable', 'the store failed', { reason: 'STORE_FAILED', cause: error });
  }
}

/** Whether this is `translated` from an error after which there is no hope for the file. */
export function isDamage(error: unknown): boolean {
  return error instanceof FlagError && error.details.reason === 'STORE_DAMAGED';
}

export function storeClosed(): FlagError {
  return new FlagError('unavailable', 'the store is closed', { reason: 'STORE_CLOSED' });
}

function resultCode(error: unknown): number | undefined {
  if (!(error instanceof Error) || !('errcode' in error) || typeof error.errcode !== 'number')
    return undefined;
  return error.errcode & 0xff;
}

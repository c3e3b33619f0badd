import {
  MongoDriverError,
  MongoError,
  MongoNetworkError,
  MongoServerError,
  MongoServerSelectionError,
  MongoWriteConcernError,
} from 'mongodb';
import { FlagError } from '../../core/errors.ts';

/** When somebody whom this concerns should try again. */
const RETRY_AFTER_MS = 1_000;

/** The server's codes, from its error_codes.yml. */
const DUPLICATE_KEY = 11_000;
const UNAUTHORIZED = new Set([13, 18, 8_000]);
const OUT_OF_SPACE = new Set([14_031, 12_500]);
const TOO_LARGE = new Set([10_334, 17_419, 17_420]);
/** The server is going away, comes back, is not the primary, or was interrupted. */
const PASSING = new Set([
  6, 7, 24, 50, 64, 89, 91, 112, 133, 134, 189, 202, 262, 9_001, 10_058, 10_107, 11_600, 11_601, 11_602,
  13_435, 13_436,
]);

/** Whether a unique index refused a document. */
export function isDuplicate(error: unknown): boolean {
  return error instanceof MongoServerError && error.code === DUPLICATE_KEY;
}

/**
 * Whether this is `translated` from an error after which nobody knows if the operation was done, and the same may work
 * a moment later.
 */
export function isUncertain(error: unknown): boolean {
  return error instanceof FlagError && error.details.reason === 'STORE_UNREACHABLE';
}

/** What to throw for what the driver threw: it never gets beyond the adapter. Anything else stays as it is. */
export function translated(error: unknown): unknown {
  // Of a socket: the driver does not wrap all of them.
  if (error instanceof Error && 'syscall' in error) return unreachable('the store cannot be reached', error);
  if (!(error instanceof MongoError) || isDuplicate(error)) return error;
  if (isPassing(error)) return unreachable('the store cannot be reached', error);
  if (error instanceof MongoWriteConcernError)
    return unreachable('too few members of the store confirmed in time', error);
  const code = Number(error.code);
  if (UNAUTHORIZED.has(code))
    return new FlagError('unavailable', 'the store refuses these credentials', {
      reason: 'STORE_FAILED',
      cause: error,
    });
  if (OUT_OF_SPACE.has(code))
    return new FlagError('exhausted', 'the store has no space left', { reason: 'STORE_FULL', cause: error });
  if (TOO_LARGE.has(code)) return tooLarge(error);
  return new FlagError('unavailable', 'the store failed', { reason: 'STORE_FAILED', cause: error });
}

/** That the store did not answer in time. */
export function unanswered(): FlagError {
  return unreachable('the store did not answer in time');
}

/** That nobody can say whether a change was committed at this revision. */
export function outcomeUnknown(project: string, revision: number, cause: unknown): FlagError {
  const message = `the store cannot be reached; revision ${revision} of project ${project} may or may not have been made`;
  return new FlagError('unavailable', message, {
    reason: 'OUTCOME_UNKNOWN',
    retryAfterMs: RETRY_AFTER_MS,
    resource: project,
    metadata: { project, revision: String(revision) },
    cause,
  });
}

export function tooLarge(cause?: unknown): FlagError {
  return new FlagError('exhausted', 'this is larger than what MongoDB can hold in one document, 16 MiB', {
    reason: 'TOO_LARGE_FOR_STORE',
    ...(cause !== undefined && { cause }),
  });
}

/** That another replica is writing the same. */
export function elsewhere(cause?: unknown): FlagError {
  return new FlagError('unavailable', 'another replica is writing this', {
    reason: 'STORE_BUSY',
    ...(cause !== undefined && { cause }),
  });
}

export function storeClosed(): FlagError {
  return new FlagError('unavailable', 'the store is closed', { reason: 'STORE_CLOSED' });
}

function unreachable(message: string, cause?: unknown): FlagError {
  return new FlagError('unavailable', message, {
    reason: 'STORE_UNREACHABLE',
    retryAfterMs: RETRY_AFTER_MS,
    ...(cause !== undefined && { cause }),
  });
}

function isPassing(error: MongoError): boolean {
  if (error instanceof MongoNetworkError || error instanceof MongoServerSelectionError) return true;
  // Such as waiting too long for a connection of the pool.
  if (error instanceof MongoDriverError) return /Timeout|Cleared/.test(error.name);
  return PASSING.has(Number(error.code)) || error.hasErrorLabel('RetryableWriteError');
}

import { ErrorCode, NatsError } from 'nats';
import { FlagError } from '../../core/errors.ts';

/** Numbers that JetStream gives its errors. */
const STREAM_NOT_FOUND = 10_059;
const CONSUMER_NOT_FOUND = 10_014;
const MESSAGE_TOO_LARGE = 10_054;
const STORE_FAILED = 10_077;
const NO_ROOM = /maximum (bytes|messages)/;

/** Whether a stream or a consumer that was there is gone, or nobody is there who knows of streams. */
export function isGone(error: unknown): boolean {
  if (!(error instanceof NatsError)) return false;
  // What JetStream itself says may have that code as well: that it has no room, for one.
  return error.api_error === undefined ? error.code === ErrorCode.NoResponders : isMissing(error);
}

/** Whether JetStream says that there is no such stream or consumer. */
export function isMissing(error: unknown): boolean {
  const code = error instanceof NatsError ? error.api_error?.err_code : undefined;
  return code === STREAM_NOT_FOUND || code === CONSUMER_NOT_FOUND;
}

/** What to throw for what the client threw. */
export function translated(error: unknown): FlagError {
  if (error instanceof FlagError) return error;
  const api = error instanceof NatsError ? error.api_error : undefined;
  if (api?.err_code === STORE_FAILED && NO_ROOM.test(api.description))
    return new FlagError('exhausted', 'the queue has no room', { reason: 'QUEUE_FULL', cause: error });
  if (api?.err_code === MESSAGE_TOO_LARGE || codeOf(error) === ErrorCode.MaxPayloadExceeded)
    return new FlagError('invalid', 'the parcel has more bytes than NATS takes', {
      reason: 'PARCEL',
      cause: error,
    });
  return new FlagError('unavailable', `the queue cannot be reached: ${whyOf(error)}`, {
    reason: 'QUEUE_UNREACHABLE',
    cause: error,
  });
}

function codeOf(error: unknown): string | undefined {
  return error instanceof NatsError ? error.code : undefined;
}

function whyOf(error: unknown): string {
  if (codeOf(error) === ErrorCode.NoResponders) return 'NATS has no JetStream there';
  return error instanceof Error ? error.message : String(error);
}

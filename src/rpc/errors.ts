import { Code, ConnectError, type Interceptor, type StreamResponse } from '@connectrpc/connect';
import {
  BadRequestSchema,
  ErrorInfoSchema,
  PreconditionFailureSchema,
  QuotaFailureSchema,
  ResourceInfoSchema,
  RetryInfoSchema,
} from '../../gen/google/rpc/error_details_pb.ts';
import { type ErrorKind, FlagError, type Violation } from '../core/errors.ts';
import { TRACEPARENT, traceIdIn } from './trace-context.ts';

type Detail = NonNullable<ConstructorParameters<typeof ConnectError>[3]>[number];

const DOMAIN = 'vexil';
/** Details travel in a trailer, whose size clients limit. */
const MAX_VIOLATIONS = 25;
const MAX_MESSAGE_LENGTH = 1_000;

/** Called with each error that no code foresaw, and the trace that the call belongs to if its caller said so. */
export type LogUnexpected = (error: unknown, method: string, traceId: string | undefined) => void;

/**
 * The one place where errors become statuses, for unary calls and for streams, whose errors appear while their
 * messages are read. Whatever is neither a FlagError nor a ConnectError is logged once and told to nobody.
 */
export function errorInterceptor(log: LogUnexpected): Interceptor {
  return (next) => async (request) => {
    const { service, method, header } = request;
    const translated = (error: unknown) =>
      reportedError(error, log, `${service.typeName}/${method.name}`, header.get(TRACEPARENT));
    try {
      const response = await next(request);
      return response.stream ? { ...response, message: translating(response.message, translated) } : response;
    } catch (error) {
      throw translated(error);
    }
  };
}

/** The status that a caller gets for this error of a call to `method`; logged if no code foresaw it. */
export function reportedError(
  error: unknown,
  log: LogUnexpected,
  method: string,
  traceparent: string | null | undefined,
): ConnectError {
  if (!isForeseen(error)) log(error, method, traceIdIn(traceparent));
  return toConnectError(error);
}

/** The status that a caller gets for this error, with details for programs. */
export function toConnectError(error: unknown): ConnectError {
  if (error instanceof ConnectError) return error;
  if (error instanceof FlagError)
    return new ConnectError(textOf(error.message), codeOf(kindOf(error)), undefined, detailsOf(error), error);
  if (isAbort(error))
    return new ConnectError('the call was cancelled', Code.Canceled, undefined, [infoOf('CANCELLED')], error);
  return new ConnectError('internal error', Code.Internal, undefined, [infoOf('INTERNAL')], error);
}

function isForeseen(error: unknown): boolean {
  return error instanceof ConnectError || error instanceof FlagError || isAbort(error);
}

function isAbort(error: unknown): boolean {
  return error instanceof Error && error.name === 'AbortError';
}

async function* translating(
  messages: StreamResponse['message'],
  translated: (error: unknown) => ConnectError,
): StreamResponse['message'] {
  try {
    yield* messages;
  } catch (error) {
    throw translated(error);
  }
}

function codeOf(kind: ErrorKind): Code {
  switch (kind) {
    case 'invalid':
      return Code.InvalidArgument;
    case 'unauthenticated':
      return Code.Unauthenticated;
    case 'forbidden':
      return Code.PermissionDenied;
    case 'not_found':
      return Code.NotFound;
    case 'already_exists':
      return Code.AlreadyExists;
    case 'failed_precondition':
      return Code.FailedPrecondition;
    case 'conflict':
      return Code.Aborted;
    case 'exhausted':
      return Code.ResourceExhausted;
    case 'out_of_range':
      return Code.OutOfRange;
    case 'unavailable':
      return Code.Unavailable;
    case 'unimplemented':
      return Code.Unimplemented;
    case 'deadline':
      return Code.DeadlineExceeded;
    case 'cancelled':
      return Code.Canceled;
  }
}

/** Too much of something is exhaustion, also among other mistakes. */
function kindOf({ kind, details }: FlagError): ErrorKind {
  const exceeds = kind === 'invalid' && details.violations?.some(({ limit }) => limit !== undefined);
  return exceeds ? 'exhausted' : kind;
}

function detailsOf(error: FlagError): Detail[] {
  const { message, details } = error;
  const kind = kindOf(error);
  const reason = details.reason ?? kind.toUpperCase();
  const subject = details.resource ?? '';
  const found: Detail[] = [infoOf(reason, details.metadata)];
  const violations = details.violations ?? [];
  const exceeding = violations.filter(({ limit }) => limit !== undefined);
  const mistakes = violations.filter(({ limit }) => limit === undefined);
  if (kind === 'exhausted')
    found.push(quotaOf(exceeding.length > 0 ? exceeding : [{ path: subject, message }]));
  if (mistakes.length > 0) found.push(badRequestOf(mistakes));
  if (kind === 'failed_precondition')
    found.push({
      desc: PreconditionFailureSchema,
      value: { violations: [{ type: reason, subject, description: textOf(message) }] },
    });
  if (details.resource !== undefined)
    found.push({
      desc: ResourceInfoSchema,
      value: { resourceType: typeOf(subject), resourceName: subject, description: textOf(message) },
    });
  if (details.retryAfterMs !== undefined) found.push(retryOf(details.retryAfterMs));
  return found;
}

function infoOf(reason: string, metadata: Readonly<Record<string, string>> = {}): Detail {
  return { desc: ErrorInfoSchema, value: { reason, domain: DOMAIN, metadata: { ...metadata } } };
}

function badRequestOf(violations: readonly Violation[]): Detail {
  const fieldViolations = violations.slice(0, MAX_VIOLATIONS).map(({ path, message }) => ({
    field: textOf(path),
    description: textOf(message),
    reason: 'INVALID',
  }));
  return { desc: BadRequestSchema, value: { fieldViolations } };
}

function quotaOf(violations: readonly Violation[]): Detail {
  const listed = violations.slice(0, MAX_VIOLATIONS).map(({ path, message }) => ({
    subject: textOf(path),
    description: textOf(message),
  }));
  return { desc: QuotaFailureSchema, value: { violations: listed } };
}

function retryOf(delayMs: number): Detail {
  const seconds = Math.floor(delayMs / 1000);
  const nanos = Math.round((delayMs - seconds * 1000) * 1e6);
  return { desc: RetryInfoSchema, value: { retryDelay: { seconds: BigInt(seconds), nanos } } };
}

/** `projects/shop/flags/checkout` is of the type `flags`. */
function typeOf(resource: string): string {
  return resource.split('/').at(-2) ?? '';
}

/** Short enough for a trailer, and without the halves of surrogate pairs that cannot be encoded. */
function textOf(text: string): string {
  return text.slice(0, MAX_MESSAGE_LENGTH).toWellFormed();
}

/**
 * The one error that operations throw. `kind` says what the caller can do about it; the RPC layer turns it into
 * a status with details. What goes wrong inside an evaluation is never thrown: it is a value.
 */
export type ErrorKind =
  | 'invalid'
  | 'unauthenticated'
  | 'forbidden'
  | 'not_found'
  | 'already_exists'
  | 'failed_precondition'
  | 'conflict'
  | 'exhausted'
  | 'out_of_range'
  | 'unavailable'
  | 'unimplemented'
  | 'deadline'
  | 'cancelled';

/** One mistake in what was sent: where it is (`rules[0].serve.split[1].weight`) and what is wrong with it. */
export interface Violation {
  readonly path: string;
  readonly message: string;
  /** The limit (a name of `Limits`) that is exceeded. Any such violation makes the error `exhausted`. */
  readonly limit?: string;
}

export interface ErrorDetails {
  /** UPPER_SNAKE_CASE, stable, for programs. Default: made from the kind. */
  readonly reason?: string;
  readonly violations?: readonly Violation[];
  /** The resource that the error is about. */
  readonly resource?: string;
  /** When trying again makes sense. */
  readonly retryAfterMs?: number;
  readonly metadata?: Readonly<Record<string, string>>;
  readonly cause?: unknown;
}

export class FlagError extends Error {
  override readonly name = 'FlagError';
  readonly kind: ErrorKind;
  readonly details: ErrorDetails;

  constructor(kind: ErrorKind, message: string, details: ErrorDetails = {}) {
    super(message, details.cause === undefined ? undefined : { cause: details.cause });
    this.kind = kind;
    this.details = details;
  }
}

/** An `invalid` error that lists every mistake that was found. */
export function invalid(violations: readonly Violation[]): FlagError {
  const [first] = violations;
  const message =
    first === undefined ? 'invalid' : first.path === '' ? first.message : `${first.path}: ${first.message}`;
  return new FlagError('invalid', message, { violations });
}

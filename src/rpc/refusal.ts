import { parseToken } from '../app/key-token.ts';
import type { FlagError } from '../core/errors.ts';
import type { Presented } from './admit.ts';
import { traceIdIn } from './trace-context.ts';

/** Somebody who was not let in, as the service writes it down: nothing in it is secret. */
export interface Refusal {
  readonly method: string;
  /** One of a few: the reason that the caller was given. */
  readonly reason: string;
  readonly why: string;
  /** The other end of the connection. */
  readonly address: string;
  /** The id in what was presented as a key. Perhaps there is no such key; absent if it was not even like one. */
  readonly key?: string;
  /** The trace that the call belongs to, if its caller said so. */
  readonly traceId?: string;
}

/** Hears of every refusal. Must not throw. */
export type Refused = (refusal: Refusal) => void;

export function refusalFrom(
  method: string,
  { message, kind, details }: FlagError,
  { token, address }: Pick<Presented, 'token' | 'address'>,
  traceparent: string | null | undefined,
): Refusal {
  const key = parseToken(token)?.id;
  const traceId = traceIdIn(traceparent);
  return {
    ...{ method, reason: details.reason ?? kind.toUpperCase(), why: message, address: address() },
    ...(key !== undefined && { key }),
    ...(traceId !== undefined && { traceId }),
  };
}

import { Code, ConnectError, type Interceptor } from '@connectrpc/connect';
import { codeToString } from '@connectrpc/connect/protocol-connect';
import type { RefusedCall } from './http-handler.ts';
import { TRACEPARENT } from './trace-context.ts';
import { wireFormatOf } from './wire-format.ts';

/** One call that has ended, in the terms of OpenTelemetry's conventions for RPC. */
export interface CallRecord {
  readonly system: 'grpc' | 'connectrpc';
  /** `vexil.v1.FlagService/GetFlag`, or `_OTHER` for a method that does not exist. */
  readonly method: string;
  /** gRPC's name for the status: `OK`, `NOT_FOUND`. */
  readonly status: string;
  /** The status, when it is the server's fault. */
  readonly errorType: string | undefined;
  readonly durationMs: number;
  /** As the caller sent it; nobody has looked at it yet. */
  readonly traceparent: string | undefined;
}

export type RecordCall = (call: CallRecord) => void;

/** Codes that a server has to answer for; the others tell callers about their own calls. */
const SERVER_FAULTS = new Set<Code>([
  Code.Unknown,
  Code.DeadlineExceeded,
  Code.Unimplemented,
  Code.Internal,
  Code.Unavailable,
  Code.DataLoss,
]);

/**
 * Records each call when it has ended; a stream ends when its last message has been taken, when it fails, or when
 * its caller leaves. Must be the outermost interceptor.
 */
export function telemetryInterceptor(record: RecordCall): Interceptor {
  return (next) => async (request) => {
    const startedAt = performance.now();
    const protocol = wireFormatOf(request.header.get('content-type'))?.protocol ?? 'connect';
    const ended = (code: Code | undefined): void => {
      const method = `${request.service.typeName}/${request.method.name}`;
      const traceparent = request.header.get(TRACEPARENT) ?? undefined;
      record(callRecord(protocol, method, code, performance.now() - startedAt, traceparent));
    };
    try {
      const response = await next(request);
      if (response.stream) return { ...response, message: observed(response.message, request.signal, ended) };
      ended(undefined);
      return response;
    } catch (error) {
      ended(codeOf(error));
      throw error;
    }
  };
}

/** The record of a call that no interceptor saw. */
export function refusedCallRecord(call: RefusedCall): CallRecord {
  const { method, protocol, code, durationMs, traceparent } = call;
  const name = method === undefined ? '_OTHER' : `${method.parent.typeName}/${method.name}`;
  return callRecord(protocol, name, code, durationMs, traceparent ?? undefined);
}

async function* observed<T>(
  messages: AsyncIterable<T>,
  signal: AbortSignal,
  ended: (code: Code | undefined) => void,
): AsyncGenerator<T> {
  let open = true;
  const end = (code: Code | undefined): void => {
    if (open) ended(code);
    open = false;
    signal.removeEventListener('abort', onAbort);
  };
  // When a caller leaves, nobody may ever ask for the next message, nor say that it is not wanted.
  const onAbort = (): void => end(abortCode(signal));
  signal.addEventListener('abort', onAbort);
  try {
    yield* messages;
    end(undefined);
  } catch (error) {
    end(codeOf(error));
    throw error;
  } finally {
    end(Code.Canceled);
  }
}

function abortCode({ reason }: AbortSignal): Code {
  return reason instanceof ConnectError ? reason.code : Code.Canceled;
}

function codeOf(error: unknown): Code {
  return error instanceof ConnectError ? error.code : Code.Internal;
}

/** The record of a call to the method of that name. Without a code it went well. */
export function callRecord(
  protocol: RefusedCall['protocol'],
  method: string,
  code: Code | undefined,
  durationMs: number,
  traceparent: string | undefined,
): CallRecord {
  const status = code === undefined ? 'OK' : statusOf(code);
  const errorType = code !== undefined && SERVER_FAULTS.has(code) ? status : undefined;
  const system = protocol === 'connect' ? 'connectrpc' : 'grpc';
  return { system, method, status, errorType, durationMs, traceparent };
}

function statusOf(code: Code): string {
  return code === Code.Canceled ? 'CANCELLED' : codeToString(code).toUpperCase();
}

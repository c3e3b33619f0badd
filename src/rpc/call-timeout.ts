import type { DescMethod } from '@bufbuild/protobuf';
import { Code, ConnectError, type Interceptor } from '@connectrpc/connect';
import type { WireFormat } from './wire-format.ts';

/** Timers take 31 bits. */
const LONGEST_TIMEOUT_MS = 2_147_483_000;

const GRPC_TIMEOUT = /^(\d{1,8})([HMSmun])$/;
const GRPC_UNIT_MS = new Map([
  ['H', 3_600_000],
  ['M', 60_000],
  ['S', 1_000],
  ['m', 1],
  ['u', 0.001],
  ['n', 0.000_001],
]);

/**
 * Brings the deadline that a caller asks for into what a timer can do, and gives every unary call one:
 * `unaryTimeoutMs`, which is also the longest it may ask for. Text that is no timeout stays, to be refused. Returns the
 * milliseconds, if there are any.
 */
export function limitTimeout(
  header: Headers,
  format: WireFormat,
  method: DescMethod,
  unaryTimeoutMs: number,
): number | undefined {
  const longestMs = method.methodKind === 'unary' ? unaryTimeoutMs : LONGEST_TIMEOUT_MS;
  const text = header.get(format.timeoutHeader);
  if (text === null && method.methodKind !== 'unary') return undefined;
  const timeoutMs = text === null ? unaryTimeoutMs : limitedTimeoutMs(format.protocol, text, longestMs);
  if (timeoutMs !== undefined) header.set(format.timeoutHeader, timeoutText(format, timeoutMs));
  return timeoutMs;
}

/** What a caller gets who asks for so much time. Undefined for text that is no timeout. */
export function limitedTimeoutMs(
  protocol: WireFormat['protocol'],
  text: string,
  longestMs: number,
): number | undefined {
  const askedMs = protocol === 'connect' ? connectTimeoutMs(text) : grpcTimeoutMs(text);
  return askedMs === undefined ? undefined : Math.min(Math.floor(askedMs), longestMs);
}

/** What a call gets whose time is up. */
export function timedOut(): ConnectError {
  return new ConnectError('the operation timed out', Code.DeadlineExceeded);
}

function timeoutText({ protocol }: WireFormat, ms: number): string {
  if (protocol === 'connect') return String(ms);
  return ms < 100_000_000 ? `${ms}m` : `${Math.floor(ms / 1_000)}S`;
}

function connectTimeoutMs(text: string): number | undefined {
  return /^\d{1,10}$/.test(text) ? Number(text) : undefined;
}

function grpcTimeoutMs(text: string): number | undefined {
  const [, digits, unit] = GRPC_TIMEOUT.exec(text) ?? [];
  const unitMs = GRPC_UNIT_MS.get(unit ?? '');
  return digits === undefined || unitMs === undefined ? undefined : Number(digits) * unitMs;
}

/**
 * Ends a call when its deadline passes or its caller leaves, whatever the implementation is doing. The
 * implementation learns of it from its signal.
 */
export function deadlineInterceptor(): Interceptor {
  return (next) => async (request) => {
    const { signal } = request;
    const ended = abortion(signal);
    const response = await Promise.race([ended.promise, next(request)]).catch((error: unknown) => {
      ended.dispose();
      throw error;
    });
    if (response.stream) return { ...response, message: untilEnded(response.message, ended) };
    ended.dispose();
    return response;
  };
}

interface Abortion {
  /** Rejects when the signal aborts; never resolves. */
  readonly promise: Promise<never>;
  dispose(): void;
}

function abortion(signal: AbortSignal): Abortion {
  const { promise, reject } = Promise.withResolvers<never>();
  promise.catch(() => undefined);
  const onAbort = (): void => reject(reasonOf(signal));
  if (signal.aborted) onAbort();
  signal.addEventListener('abort', onAbort);
  return { promise, dispose: () => signal.removeEventListener('abort', onAbort) };
}

function reasonOf(signal: AbortSignal): ConnectError {
  const { reason } = signal;
  return reason instanceof ConnectError
    ? reason
    : new ConnectError('the call was cancelled', Code.Canceled, undefined, undefined, reason);
}

async function* untilEnded<T>(messages: AsyncIterable<T>, ended: Abortion): AsyncGenerator<T> {
  const source = messages[Symbol.asyncIterator]();
  try {
    for (;;) {
      const message = await Promise.race([ended.promise, source.next()]);
      if (message.done === true) return;
      yield message.value;
    }
  } finally {
    ended.dispose();
    source.return?.()?.catch(() => undefined);
  }
}

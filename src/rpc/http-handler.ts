import type { DescMethod } from '@bufbuild/protobuf';
import { Code, ConnectError, type ContextValues, createContextValues } from '@connectrpc/connect';
import type {
  UniversalHandler,
  UniversalServerRequest,
  UniversalServerResponse,
} from '@connectrpc/connect/protocol';
import { limitTimeout } from './call-timeout.ts';
import { limitAnswerCompression } from './compression.ts';
import { type CorsPolicy, corsHeaders, preflightAnswer } from './cors.ts';
import { toConnectError } from './errors.ts';
import { withReadableMessage } from './grpc-message.ts';
import { type HttpHandler, type HttpRequest, type HttpResponse, page, pathOf } from './http-exchange.ts';
import { guardQuery, queryFormatOf } from './query-guard.ts';
import { guardBody, type MessageLimits } from './request-guard.ts';
import { TRACEPARENT, traceIdIn } from './trace-context.ts';
import { trailersOnly } from './trailers-only.ts';
import { type WireFormat, wireFormatOf } from './wire-format.ts';

/** A call that was answered with an error before any interceptor saw it. */
export interface RefusedCall {
  /** Undefined for a method that does not exist. */
  readonly method: DescMethod | undefined;
  readonly protocol: WireFormat['protocol'];
  readonly code: Code;
  readonly durationMs: number;
  readonly traceparent: string | null | undefined;
}

export interface HttpHandlerOptions {
  readonly cors: CorsPolicy;
  readonly limits: MessageLimits;
  /** The longest a unary call may take, and what it gets when it does not say. */
  readonly unaryTimeoutMs: number;
  /** What services and interceptors are to know about the call beside its message. */
  readonly contextValues?: (request: HttpRequest) => ContextValues;
  /** Finds out who makes a unary call, before its message is looked at. Rejects for who must not. */
  readonly enter?: (method: DescMethod, header: Headers, values: ContextValues) => Promise<unknown>;
  /** Answers paths that are no RPC, or returns undefined. Default: 404. */
  readonly fallback?: (request: HttpRequest) => HttpResponse | undefined;
  readonly onRefused?: (call: RefusedCall) => void;
  /** Told about answers that could not be made, unless the caller had left. */
  readonly onError?: (error: unknown, method: DescMethod, traceId: string | undefined) => void;
}

/**
 * Serves the handlers of a ConnectRouter, as the library's own adapters do, and guards them: origins, deadlines, and
 * every message before the library parses it.
 */
export function createHttpHandler(
  handlers: readonly UniversalHandler[],
  options: HttpHandlerOptions,
): HttpHandler {
  const byPath = new Map(handlers.map((handler) => [handler.requestPath, handler]));
  return async (request) => {
    const { header, method } = request;
    const origin = header.get('origin');
    if (method === 'OPTIONS' && header.has('access-control-request-method'))
      return preflightAnswer(options.cors, origin);
    const cors = corsHeaders(options.cors, origin);
    const handler = byPath.get(pathOf(request));
    if (handler === undefined) {
      const answered = options.fallback?.(request) ?? answerUnknown(request, options);
      return { ...answered, header: [...(answered.header ?? []), ...cors] };
    }
    const url = urlOf(request);
    if (url === undefined) return page(400);
    const contextValues = options.contextValues?.(request) ?? createContextValues();
    return await serve(handler, { ...request, url, contextValues }, options, cors);
  };
}

/** A request in the terms of the library. */
interface Call extends UniversalServerRequest {
  readonly body: AsyncIterable<Uint8Array>;
  readonly contextValues: ContextValues;
}

/** Undefined when the request has no usable authority. */
function urlOf({ scheme, authority, target }: HttpRequest): string | undefined {
  if (authority === undefined) return undefined;
  return URL.parse(target, `${scheme}://${authority}`)?.toString();
}

async function serve(
  handler: UniversalHandler,
  call: Call,
  options: HttpHandlerOptions,
  cors: [string, string][],
): Promise<HttpResponse> {
  const failed = (error: unknown): void => {
    if (!isHangUp(error)) options.onError?.(error, handler.method, traceIdIn(call.header.get(TRACEPARENT)));
  };
  try {
    const guarded = await guard(handler, call, options);
    const answered = withHeaders(await handler(guarded), cors);
    const { body } = answered;
    const said = withReadableMessage(body ? { ...answered, body: reporting(body, failed) } : answered);
    // Once more: an answer that is handed on loses what is worked out when it is looked at.
    return withReadableMessage(await trailersOnly(said));
  } catch (error) {
    failed(error);
    return page(500);
  }
}

function isHangUp(error: unknown): boolean {
  const { code } = ConnectError.from(error);
  return code === Code.Aborted || code === Code.Canceled;
}

/** The same bytes. `failed` is told of the error that they end with. */
async function* reporting(
  body: AsyncIterable<Uint8Array>,
  failed: (error: unknown) => void,
): AsyncGenerator<Uint8Array> {
  try {
    yield* body;
  } catch (error) {
    failed(error);
    throw error;
  }
}

async function guard(
  handler: UniversalHandler,
  call: Call,
  options: HttpHandlerOptions,
): Promise<UniversalServerRequest> {
  const startedAt = performance.now();
  const url = new URL(call.url);
  const isQuery = call.method === 'GET' && handler.allowedMethods.includes('GET');
  const format = isQuery ? queryFormatOf(url.searchParams) : wireFormatOf(call.header.get('content-type'));
  if (format === undefined) return call;
  const { method } = handler;
  const timeoutMs = limitTimeout(call.header, format, method, options.unaryTimeoutMs);
  limitAnswerCompression(call.header, format);
  const { enter } = options;
  const guarded = {
    ...{ method, format, header: call.header, limits: options.limits, timeoutMs },
    ...(method.methodKind === 'unary' &&
      enter && { enter: () => enter(method, call.header, call.contextValues) }),
  };
  const refused = (error: ConnectError): void => {
    // Streams fail inside the interceptors, which see it themselves.
    if (method.methodKind !== 'unary') return;
    const { code } = error;
    options.onRefused?.({
      method,
      protocol: format.protocol,
      code,
      durationMs: performance.now() - startedAt,
      traceparent: call.header.get(TRACEPARENT),
    });
  };
  if (!isQuery) return { ...call, body: guardBody(guarded, call.body, refused) };
  try {
    return { ...call, url: (await guardQuery(guarded, url)).toString() };
  } catch (error) {
    const refusal = toConnectError(error);
    refused(refusal);
    return asFailingPost(call, format, refusal);
  }
}

/** The POST that a GET stands for, with a body that fails: the library answers it in the protocol's own way. */
function asFailingPost(
  call: UniversalServerRequest,
  format: WireFormat,
  error: ConnectError,
): UniversalServerRequest {
  call.header.set('content-type', format.json ? 'application/json' : 'application/proto');
  call.header.delete('content-length');
  call.header.delete('content-encoding');
  return { ...call, method: 'POST', body: failing(error) };
}

// biome-ignore lint/correctness/useYield: a body that has nothing but an error
async function* failing(error: ConnectError): AsyncGenerator<Uint8Array> {
  throw error;
}

function withHeaders(answer: UniversalServerResponse, added: [string, string][]): UniversalServerResponse {
  if (added.length === 0) return answer;
  const header = new Headers(answer.header);
  for (const [name, value] of added) header.append(name, value);
  return { ...answer, header };
}

/** UNIMPLEMENTED in the words of whoever asks. */
function answerUnknown({ header }: HttpRequest, { onRefused }: HttpHandlerOptions): HttpResponse {
  const contentType = header.get('content-type');
  const format = wireFormatOf(contentType);
  if (format === undefined) return page(404);
  onRefused?.({
    method: undefined,
    protocol: format.protocol,
    code: Code.Unimplemented,
    durationMs: 0,
    traceparent: header.get(TRACEPARENT),
  });
  const message = 'unknown method';
  if (format.protocol === 'connect')
    return page(
      404,
      { 'content-type': 'application/json' },
      JSON.stringify({ code: 'unimplemented', message }),
    );
  return page(200, {
    'content-type': contentType ?? '',
    'grpc-status': String(Code.Unimplemented),
    'grpc-message': message,
  });
}

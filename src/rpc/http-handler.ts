import type { IncomingMessage, ServerResponse } from 'node:http';
import { constants, type Http2ServerRequest, type Http2ServerResponse } from 'node:http2';
import type { DescMethod } from '@bufbuild/protobuf';
import { Code, ConnectError, type ContextValues } from '@connectrpc/connect';
import type {
  UniversalHandler,
  UniversalServerRequest,
  UniversalServerResponse,
} from '@connectrpc/connect/protocol';
import { universalRequestFromNodeRequest, universalResponseToNodeResponse } from '@connectrpc/connect-node';
import { repeats } from './admit.ts';
import { limitTimeout } from './call-timeout.ts';
import { limitAnswerCompression } from './compression.ts';
import { type CorsPolicy, corsHeaders, preflightAnswer } from './cors.ts';
import { toConnectError } from './errors.ts';
import { withReadableMessage } from './grpc-message.ts';
import { guardQuery, queryFormatOf } from './query-guard.ts';
import { guardBody, type MessageLimits } from './request-guard.ts';
import { TRACEPARENT, traceIdIn } from './trace-context.ts';
import { trailersOnly } from './trailers-only.ts';
import { type WireFormat, wireFormatOf } from './wire-format.ts';

type Request = IncomingMessage | Http2ServerRequest;
type Response = ServerResponse | Http2ServerResponse;

const LINGER_MS = 1_000;

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
  readonly contextValues?: (request: Request, response: Response) => ContextValues;
  /** Answers paths that are no RPC and returns true. Default: 404. */
  readonly fallback?: (request: Request, response: Response) => boolean;
  readonly onRefused?: (call: RefusedCall) => void;
  /** Told about answers that could not be written, unless the caller had left. */
  readonly onError?: (error: unknown, method: DescMethod, traceId: string | undefined) => void;
}

/**
 * Serves the handlers of a ConnectRouter to a node:http or node:http2 server, as the library's own adapter does, and
 * guards them: origins, deadlines, and every message before the library parses it. Never throws.
 */
export function createHttpHandler(
  handlers: readonly UniversalHandler[],
  options: HttpHandlerOptions,
): (request: Request, response: Response) => void {
  const byPath = new Map(handlers.map((handler) => [handler.requestPath, handler]));
  return (request, response) => {
    const origin = request.headers.origin ?? null;
    const handler = byPath.get(pathOf(request));
    if (request.method === 'OPTIONS' && request.headers['access-control-request-method'] !== undefined) {
      const { status, headers } = preflightAnswer(options.cors, origin);
      answer(response, status, Object.fromEntries(headers));
      return;
    }
    if (handler !== undefined) {
      serve(handler, request, response, options, origin).catch((error: unknown) => {
        const traceId = traceIdIn(request.headers[TRACEPARENT]?.toString());
        if (!isHangUp(error)) options.onError?.(error, handler.method, traceId);
      });
      return;
    }
    for (const [name, value] of corsHeaders(options.cors, origin)) response.setHeader(name, value);
    if (options.fallback?.(request, response) !== true) answerUnknown(request, response, options);
  };
}

function pathOf(request: Request): string {
  return request.url?.split('?', 1)[0] ?? '';
}

function isHangUp(error: unknown): boolean {
  const { code } = ConnectError.from(error);
  return code === Code.Aborted || code === Code.Canceled;
}

async function serve(
  handler: UniversalHandler,
  request: Request,
  response: Response,
  options: HttpHandlerOptions,
  origin: string | null,
): Promise<void> {
  const call = universalRequest(request, response, options.contextValues?.(request, response));
  if (call === undefined) {
    answer(response, 400);
    return;
  }
  releaseUnread(request, response);
  if (repeats(request.rawHeaders, 'authorization')) call.header.delete('authorization');
  const guarded = await guard(handler, call, options);
  const answered = await handler(guarded);
  const said = withReadableMessage(withHeaders(answered, corsHeaders(options.cors, origin)));
  // Once more: an answer that is handed on loses what is worked out when it is looked at.
  const written = withReadableMessage(await trailersOnly(said));
  // The library writes headers before it knows that nothing follows, and so never ends a stream with them.
  if (written.body === undefined && written.header?.has('grpc-status') === true)
    answer(response, written.status, Object.fromEntries(written.header));
  else await universalResponseToNodeResponse(written, response);
}

/** Undefined when the request has no usable authority. */
function universalRequest(
  request: Request,
  response: Response,
  values: ContextValues | undefined,
): UniversalServerRequest | undefined {
  try {
    const call = universalRequestFromNodeRequest(request, response, undefined, values);
    // The library's own iterator destroys the connection when a message is refused, and the refusal with it.
    return { ...call, body: request.iterator({ destroyOnReturn: false }) };
  } catch {
    return undefined;
  }
}

/**
 * Lets go of a request that was answered before all of it had arrived. It is read on for a moment: some clients look at
 * an answer only when they have sent everything, and a reset would overtake the trailers.
 */
function releaseUnread(request: Request, response: Response): void {
  // Over HTTP/2 a response says that it is finished only once its stream is closed.
  const answered = 'stream' in response ? response.stream : response;
  answered.once('finish', () => {
    if (request.complete) return;
    request.resume();
    if ('stream' in request)
      setTimeout(() => request.stream.close(constants.NGHTTP2_NO_ERROR), LINGER_MS).unref();
  });
}

async function guard(
  handler: UniversalHandler,
  call: UniversalServerRequest,
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
  const guarded = { method, format, header: call.header, limits: options.limits, timeoutMs };
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
  if (!isQuery) return { ...call, body: guardBody(guarded, bytesOf(call), refused) };
  try {
    return { ...call, url: (await guardQuery(guarded, url)).toString() };
  } catch (error) {
    const refusal = toConnectError(error);
    refused(refusal);
    return asFailingPost(call, format, refusal);
  }
}

function bytesOf({ body }: UniversalServerRequest): AsyncIterable<Uint8Array> {
  if (typeof body === 'object' && body !== null && Symbol.asyncIterator in body) return body;
  throw new TypeError('a request has a stream of bytes');
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
function answerUnknown(request: Request, response: Response, { onRefused }: HttpHandlerOptions): void {
  const format = wireFormatOf(request.headers['content-type'] ?? null);
  if (format === undefined) {
    answer(response, 404);
    return;
  }
  const traceparent = request.headers[TRACEPARENT]?.toString();
  onRefused?.({
    method: undefined,
    protocol: format.protocol,
    code: Code.Unimplemented,
    durationMs: 0,
    traceparent,
  });
  const message = 'unknown method';
  const contentType = request.headers['content-type'] ?? '';
  if (format.protocol === 'connect')
    answer(
      response,
      404,
      { 'content-type': 'application/json' },
      JSON.stringify({ code: 'unimplemented', message }),
    );
  else
    answer(response, 200, {
      'content-type': contentType,
      'grpc-status': String(Code.Unimplemented),
      'grpc-message': message,
    });
}

function answer(response: Response, status: number, headers: Record<string, string> = {}, body = ''): void {
  response.statusCode = status;
  for (const [name, value] of Object.entries(headers)) response.setHeader(name, value);
  if (body === '') response.end();
  else response.end(body);
}

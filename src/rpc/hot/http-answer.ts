import type { ConnectError } from '@connectrpc/connect';
import type { Compression } from '@connectrpc/connect/protocol';
import { codeToHttpStatus, errorToJsonBytes } from '@connectrpc/connect/protocol-connect';
import { setTrailerStatus } from '@connectrpc/connect/protocol-grpc';
import { COMPRESS_MIN_BYTES } from '../compression.ts';
import { toEnvelope } from '../envelopes.ts';
import { makeMessageReadable } from '../grpc-message.ts';
import { keepBlock, keepTrailers } from '../header-blocks.ts';
import type { HotFormat } from './call-head.ts';
import { type Codec, ENVELOPE_BYTES } from './hot-method.ts';

/** An answer as HTTP has it, whichever version carries it. Nobody may write to any of it. */
export interface HttpAnswer {
  readonly status: number;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: Uint8Array | undefined;
  /** Behind a body there are no others: a call that fails has no body. */
  readonly trailers: typeof OK_TRAILERS | undefined;
}

const GRPC_HEADERS: Record<Codec, Readonly<Record<string, string>>> = {
  proto: { 'content-type': 'application/grpc+proto' },
  json: { 'content-type': 'application/grpc+json' },
};
const CONNECT_TYPES: Record<Codec, string> = { proto: 'application/proto', json: 'application/json' };
/** What ends a call of gRPC that went well. */
export const OK_TRAILERS = { 'grpc-status': '0' };

for (const headers of Object.values(GRPC_HEADERS)) keepBlock(headers);
keepTrailers(OK_TRAILERS);

/** What the answer of a streaming call of gRPC begins with. */
export const STREAM_HEADERS = GRPC_HEADERS.proto;

/** What ends a call of gRPC behind its messages. */
export function grpcTrailers(error: ConnectError | undefined): Readonly<Record<string, string>> {
  if (error === undefined) return OK_TRAILERS;
  return Object.fromEntries(makeMessageReadable(setTrailerStatus(new Headers(), error)));
}

/** What a call that went well is answered with: a promise if the answer has to be compressed first. */
export function answerOf(
  { protocol, codec }: HotFormat,
  envelope: Uint8Array,
  compression: Compression | undefined,
  cors: readonly [string, string][],
): HttpAnswer | Promise<HttpAnswer> {
  if (protocol === 'grpc') return grpcAnswer(codec, envelope, compression);
  return connectAnswer(200, CONNECT_TYPES[codec], envelope.subarray(ENVELOPE_BYTES), compression, cors);
}

/** What a call that failed is answered with, in the words of the RPC library. */
export function refusalOf(
  { protocol, codec }: HotFormat,
  error: ConnectError,
  compression: Compression | undefined,
  cors: readonly [string, string][],
): HttpAnswer | Promise<HttpAnswer> {
  if (protocol === 'grpc') return grpcRefusal(codec, error, compression);
  const body = errorToJsonBytes(error, undefined);
  return connectAnswer(codeToHttpStatus(error.code), CONNECT_TYPES.json, body, compression, cors);
}

function grpcAnswer(
  codec: Codec,
  envelope: Uint8Array,
  compression: Compression | undefined,
): HttpAnswer | Promise<HttpAnswer> {
  const headers = grpcHeaders(codec, compression);
  const answer = { status: 200, headers, trailers: OK_TRAILERS };
  if (compression === undefined || envelope.length < ENVELOPE_BYTES + COMPRESS_MIN_BYTES)
    return { ...answer, body: envelope };
  return compression.compress(envelope.subarray(ENVELOPE_BYTES)).then((packed) => {
    const body = toEnvelope(packed);
    body[0] = 1;
    return { ...answer, body };
  });
}

/** Headers with nothing behind them: by the policy in their service config, clients try again only what has no others. */
function grpcRefusal(codec: Codec, error: ConnectError, compression: Compression | undefined): HttpAnswer {
  const headers = { ...grpcHeaders(codec, compression), ...grpcTrailers(error) };
  return { status: 200, headers, body: undefined, trailers: undefined };
}

function grpcHeaders(codec: Codec, compression: Compression | undefined): Readonly<Record<string, string>> {
  const headers = GRPC_HEADERS[codec];
  return compression === undefined ? headers : { ...headers, 'grpc-encoding': compression.name };
}

function connectAnswer(
  status: number,
  contentType: string,
  body: Uint8Array,
  compression: Compression | undefined,
  cors: readonly [string, string][],
): HttpAnswer | Promise<HttpAnswer> {
  const headers: Record<string, string> = { 'content-type': contentType };
  for (const [name, value] of cors) headers[name] = value;
  const answer = (bytes: Uint8Array): HttpAnswer => {
    headers['content-length'] = String(bytes.length);
    return { status, headers, body: bytes, trailers: undefined };
  };
  if (compression === undefined || body.length < COMPRESS_MIN_BYTES) return answer(body);
  headers['content-encoding'] = compression.name;
  return compression.compress(body).then(answer);
}

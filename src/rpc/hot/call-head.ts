import type { Compression } from '@connectrpc/connect/protocol';
import { tokenIn } from '../admit.ts';
import { limitedTimeoutMs } from '../call-timeout.ts';
import { answerCompression, type Decompress, decompressorOf } from '../compression.ts';
import { TRACEPARENT } from '../trace-context.ts';
import type { Codec, HotMethod } from './hot-method.ts';

/** How the messages of one call travel, as far as the fast path knows it. */
export interface HotFormat {
  readonly protocol: 'grpc' | 'connect';
  readonly codec: Codec;
  readonly encodingHeader: string;
  readonly acceptedHeader: string;
  readonly timeoutHeader: string;
}

export interface NamedMethod<Method = HotMethod> {
  readonly method: Method;
  /** `vexil.v1.EvaluationService/Evaluate` */
  readonly name: string;
}

/** What the headers of a call say. */
export interface CallHead<Method = HotMethod> extends NamedMethod<Method> {
  readonly format: HotFormat;
  /** From the headers to the answer. */
  readonly timeoutMs: number;
  /** The length that the body is said to have; 0 if nothing is said. */
  readonly announcedBytes: number;
  /** For what the caller compressed. */
  readonly decompress: Decompress | undefined;
  /** For what is large enough to be compressed. */
  readonly compression: Compression | undefined;
  readonly token: string;
  readonly origin: string | undefined;
  /** As it was sent; read only if something is written down about the call. */
  readonly traceparent: string | undefined;
}

const GRPC: HotFormat = {
  protocol: 'grpc',
  codec: 'proto',
  encodingHeader: 'grpc-encoding',
  acceptedHeader: 'grpc-accept-encoding',
  timeoutHeader: 'grpc-timeout',
};
const CONNECT: HotFormat = {
  protocol: 'connect',
  codec: 'proto',
  encodingHeader: 'content-encoding',
  acceptedHeader: 'accept-encoding',
  timeoutHeader: 'connect-timeout-ms',
};
const CONNECT_JSON: HotFormat = { ...CONNECT, codec: 'json' };

/** As clients spell them. There are other ways to, which are not in a hurry. */
const FORMATS = new Map<string | undefined, HotFormat>([
  ['application/grpc', GRPC],
  ['application/grpc+proto', GRPC],
  ['application/grpc+json', { ...GRPC, codec: 'json' }],
  ['application/proto', CONNECT],
  ['application/json', CONNECT_JSON],
  ['application/json; charset=utf-8', CONNECT_JSON],
]);

/** Hosts that nobody has to look at twice. */
const PLAIN_AUTHORITY = /^[\w.-]{1,253}(?::\d{1,4}|:[1-5]\d{4})?$/;

/** The header fields of a request, whichever version of HTTP brought it. */
export interface HeadFields {
  /** Of several values all, with commas between them. */
  get(name: string): string | undefined;
  repeats(name: string): boolean;
}

/**
 * Reads the headers of a POST to a hot method. Undefined for whatever is unusual, ill-formed or not served: the other
 * path knows what to say to that.
 */
export function readHead<Method>(
  { method, name }: NamedMethod<Method>,
  authority: string | undefined,
  headers: HeadFields,
  longestMs: number,
): CallHead<Method> | undefined {
  const format = FORMATS.get(headers.get('content-type'));
  if (format === undefined || authority === undefined || !PLAIN_AUTHORITY.test(authority)) return undefined;
  const { protocol, encodingHeader, acceptedHeader, timeoutHeader } = format;
  const origin = headers.get('origin');
  if (protocol === 'grpc' && origin !== undefined) return undefined;
  const timeout = headers.get(timeoutHeader);
  const timeoutMs = timeout === undefined ? longestMs : limitedTimeoutMs(protocol, timeout, longestMs);
  const encoding = headers.get(encodingHeader) ?? 'identity';
  const decompress = encoding === 'identity' ? undefined : decompressorOf(encoding);
  if (timeoutMs === undefined || (encoding !== 'identity' && decompress === undefined)) return undefined;
  return {
    method,
    name,
    format,
    timeoutMs,
    announcedBytes: protocol === 'grpc' ? 0 : Number(headers.get('content-length') ?? 0),
    decompress,
    compression: answerCompression(protocol, encoding, headers.get(acceptedHeader)),
    token: tokenIn(
      headers.repeats('authorization') ? undefined : headers.get('authorization'),
      headers.get('x-api-key'),
    ),
    origin,
    traceparent: headers.get(TRACEPARENT),
  };
}

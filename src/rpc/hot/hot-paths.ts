import type { IncomingMessage, ServerResponse } from 'node:http';
import type { IncomingHttpHeaders, ServerHttp2Stream } from 'node:http2';
import type { Clock } from '../../ports/clock.ts';
import { type CallHead, type NamedMethod, readHead } from './call-head.ts';
import { Deadlines } from './deadlines.ts';
import type { HotParts } from './exchange.ts';
import type { HotMethod } from './hot-method.ts';
import { carryHttp1 } from './http1-carrier.ts';
import { carryHttp2 } from './http2-carrier.ts';
import { carryStream } from './http2-stream-carrier.ts';
import { StreamExchange } from './stream-exchange.ts';
import type { StreamMethod } from './stream-method.ts';

export interface HotPathOptions extends Omit<HotParts, 'deadlines'> {
  readonly clock: Clock;
  readonly methods: readonly HotMethod[];
  /** Served in gRPC and its binary codec. */
  readonly streams: readonly StreamMethod[];
  /** The longest a call may take, and what it gets when it does not say. */
  readonly unaryTimeoutMs: number;
}

/** The ways in for calls that come by the ten thousand. Each leaves what it does not know untouched and says so. */
export interface HotPaths {
  /** Answers a call of gRPC or Connect over HTTP/2 and returns true, or returns false. */
  onStream(
    stream: ServerHttp2Stream,
    headers: IncomingHttpHeaders,
    flags: number,
    rawHeaders: readonly string[],
  ): boolean;
  /** Answers a call of Connect over HTTP/1.1 and returns true, or returns false. */
  onRequest(request: IncomingMessage, response: ServerResponse): boolean;
}

/**
 * Answers unary calls of a few methods without message objects, promises or timers of their own. What is answered, and
 * how, is what `createHttpHandler` would answer, to the byte: `test/rpc/hot/` holds the two against each other.
 */
export function createHotPaths(options: HotPathOptions): HotPaths {
  const { unaryTimeoutMs } = options;
  const parts: HotParts = { ...options, deadlines: new Deadlines(options.clock) };
  const byPath = named(options.methods);
  const streams = named(options.streams);
  return {
    onStream(stream, headers, _flags, rawHeaders) {
      const path = headers[':path'];
      const unary = byPath.get(path);
      const streaming = unary === undefined ? streams.get(path) : undefined;
      if ((unary === undefined && streaming === undefined) || headers[':method'] !== 'POST') return false;
      const authority = headers[':authority'] ?? headers.host;
      if (streaming !== undefined) {
        const head = readHead(streaming, authority, headers, rawHeaders, Number.POSITIVE_INFINITY);
        if (head === undefined || !isPlainGrpc(head)) return false;
        carryStream(stream, (carrier) => new StreamExchange(parts, head, carrier));
        return true;
      }
      const head = unary && readHead(unary, authority, headers, rawHeaders, unaryTimeoutMs);
      if (head === undefined) return false;
      carryHttp2(stream, parts, head);
      return true;
    },
    onRequest(request, response) {
      const unary = byPath.get(request.url);
      if (unary === undefined || request.method !== 'POST') return false;
      const { headers, rawHeaders } = request;
      const head = readHead(unary, headers.host, headers, rawHeaders, unaryTimeoutMs);
      if (head === undefined || head.format.protocol === 'grpc') return false;
      carryHttp1(request, response, parts, head);
      return true;
    },
  };
}

function named<Method extends { readonly path: string }>(
  methods: readonly Method[],
): ReadonlyMap<string | undefined, NamedMethod<Method>> {
  return new Map(methods.map((method) => [method.path, { method, name: method.path.slice(1) }]));
}

function isPlainGrpc({ format, decompress }: CallHead<StreamMethod>): boolean {
  return format.protocol === 'grpc' && format.codec === 'proto' && decompress === undefined;
}

import type { IncomingMessage, ServerResponse } from 'node:http';
import type { RequestHead } from '../../http2/request-head.ts';
import type { Stream } from '../../http2/stream.ts';
import type { Clock } from '../../ports/clock.ts';
import { type CallHead, type NamedMethod, readHead } from './call-head.ts';
import { Deadlines } from './deadlines.ts';
import type { HotParts } from './exchange.ts';
import type { HotMethod } from './hot-method.ts';
import { carryHttp1, fieldsOf } from './http1-carrier.ts';
import { carryHttp2 } from './http2-carrier.ts';
import { carryStream } from './http2-stream-carrier.ts';
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
  onStream(stream: Stream): boolean;
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
  const wayOf = (head: RequestHead): Way => {
    const { path, authority } = head;
    const unary = byPath.get(path);
    const streaming = unary === undefined ? streams.get(path) : undefined;
    if (head.method !== 'POST') return LEFT;
    if (streaming !== undefined) {
      const call = readHead(streaming, authority, head, Number.POSITIVE_INFINITY);
      return call === undefined || !isPlainGrpc(call) ? LEFT : (stream) => carryStream(stream, parts, call);
    }
    const call = unary && readHead(unary, authority, head, unaryTimeoutMs);
    return call === undefined ? LEFT : (stream) => carryHttp2(stream, parts, call);
  };
  const ways = new WeakMap<RequestHead, Way>();
  return {
    onStream(stream) {
      let way = ways.get(stream.head);
      if (way === undefined) {
        way = wayOf(stream.head);
        ways.set(stream.head, way);
      }
      if (way !== LEFT) way(stream);
      return way !== LEFT;
    },
    onRequest(request, response) {
      const unary = byPath.get(request.url);
      if (unary === undefined || request.method !== 'POST') return false;
      const head = readHead(unary, request.headers.host, fieldsOf(request), unaryTimeoutMs);
      if (head === undefined || head.format.protocol === 'grpc') return false;
      carryHttp1(request, response, parts, head);
      return true;
    },
  };
}

/** How requests are carried that have the same head; many have. */
type Way = (stream: Stream) => void;

/** By somebody else. */
const LEFT: Way = () => undefined;

function named<Method extends { readonly path: string }>(
  methods: readonly Method[],
): ReadonlyMap<string | undefined, NamedMethod<Method>> {
  return new Map(methods.map((method) => [method.path, { method, name: method.path.slice(1) }]));
}

function isPlainGrpc({ format, decompress }: CallHead<StreamMethod>): boolean {
  return format.protocol === 'grpc' && format.codec === 'proto' && decompress === undefined;
}

import type { IncomingMessage, ServerResponse } from 'node:http';
import type { IncomingHttpHeaders, ServerHttp2Stream } from 'node:http2';
import { Alarm } from '../../app/alarm.ts';
import type { Clock } from '../../ports/clock.ts';
import { readHead } from './call-head.ts';
import { Exchange, type HotParts } from './exchange.ts';
import type { HotMethod } from './hot-method.ts';
import { carryHttp1 } from './http1-carrier.ts';
import { carryHttp2 } from './http2-carrier.ts';

export interface HotPathOptions extends Omit<HotParts, 'deadlines' | 'now'> {
  readonly clock: Clock;
  readonly methods: readonly HotMethod[];
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
  const { methods, unaryTimeoutMs, clock } = options;
  const now = () => clock.monotonic();
  // Deadlines do not move when somebody sets the clock.
  const deadlines = new Alarm({ now, monotonic: now, after: (delayMs, task) => clock.after(delayMs, task) });
  const parts: HotParts = { ...options, now, deadlines };
  const byPath = new Map<string | undefined, HotMethod>(methods.map((method) => [method.path, method]));
  return {
    onStream(stream, headers, _flags, rawHeaders) {
      const method = byPath.get(headers[':path']);
      if (method === undefined || headers[':method'] !== 'POST') return false;
      const authority = headers[':authority'] ?? headers.host;
      const head = readHead(method, authority, headers, rawHeaders, unaryTimeoutMs);
      if (head === undefined) return false;
      carryHttp2(stream, (carrier) => new Exchange(parts, head, carrier));
      return true;
    },
    onRequest(request, response) {
      const method = byPath.get(request.url);
      if (method === undefined || request.method !== 'POST') return false;
      const head = readHead(
        method,
        request.headers.host,
        request.headers,
        request.rawHeaders,
        unaryTimeoutMs,
      );
      if (head === undefined || head.format.protocol === 'grpc') return false;
      carryHttp1(request, response, (carrier) => new Exchange(parts, head, carrier));
      return true;
    },
  };
}

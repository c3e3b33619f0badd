import { toEnvelope } from './envelopes.ts';
import { H2Connection } from './h2-connection.ts';
import { type CallHeaders, FAILED, GRPC_OK } from './hpack.ts';
import { type Span, type Throughput, throughput } from './throughput.ts';

/** Requests to a server. */
export interface Target {
  readonly port: number;
  readonly pid: number;
  readonly path: string;
  readonly token?: string;
  /** Requests, in base64; they take turns. */
  readonly messages: readonly string[];
}

/** gRPC calls as fast as they are answered. */
export interface UnaryLoad extends Target, Span {
  readonly connections: number;
  /** Calls at a time on each connection. */
  readonly inFlight: number;
}

/** Rejects if any call fails. */
export async function unaryLoad(load: UnaryLoad): Promise<Throughput> {
  const next = inTurns(load.messages);
  const failed = Promise.withResolvers<never>();
  const count = { calls: 0, bytes: 0 };
  const connect = async () => {
    const connection = await H2Connection.open(load.port, headersOf(load), {
      onData: (_stream, _bytes, start, end) => {
        count.bytes += end - start;
      },
      onHeaders: (_stream, means, isEnd) => {
        if ((means & FAILED) !== 0 || (isEnd && (means & GRPC_OK) === 0))
          failed.reject(new Error('a call failed'));
        if (!isEnd) return;
        count.calls++;
        connection.call(next(), true);
      },
      onTurn: () => undefined,
      onFailure: failed.reject,
    });
    for (let call = 0; call < load.inFlight; call++) connection.call(next(), true);
    connection.flush();
    return connection;
  };
  const connections = await Promise.all(Array.from({ length: load.connections }, connect));
  try {
    return await Promise.race([failed.promise, throughput(load.pid, load, count)]);
  } finally {
    for (const connection of connections) connection.close();
  }
}

export function headersOf({ port, path, token }: Pick<Target, 'port' | 'path' | 'token'>): CallHeaders {
  return { path, authority: `127.0.0.1:${port}`, ...(token !== undefined && { token }) };
}

/** The messages in their envelopes, one after the other and over again. */
export function inTurns(messages: readonly string[]): () => Buffer {
  const envelopes = messages.map((message) => toEnvelope(Buffer.from(message, 'base64')));
  let turn = 0;
  return () => {
    const envelope = envelopes[turn++ % envelopes.length];
    if (envelope === undefined) throw new Error('there are no messages');
    return envelope;
  };
}

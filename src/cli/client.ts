import type {
  DescMessage,
  DescMethodServerStreaming,
  DescMethodUnary,
  MessageInitShape,
  MessageShape,
} from '@bufbuild/protobuf';
import type { Interceptor, Transport } from '@connectrpc/connect';

const callTimeoutMs = 30_000;

/** The one way to the API. The first call opens the connection; whoever made the client disposes of it. */
export interface ApiClient extends Disposable {
  /** Rejects with a ConnectError, at the latest after 30 seconds or when the user stops it. */
  call<I extends DescMessage, O extends DescMessage>(
    method: DescMethodUnary<I, O>,
    input: MessageInitShape<I>,
  ): Promise<MessageShape<O>>;
  /** Runs until the server ends it, the user stops it or the reader does. */
  stream<I extends DescMessage, O extends DescMessage>(
    method: DescMethodServerStreaming<I, O>,
    input: MessageInitShape<I>,
  ): AsyncIterable<MessageShape<O>>;
}

/** Speaks gRPC over HTTP/2, in clear text for http and with TLS for https. Every call ends when `signal` aborts. */
export function createApiClient(server: string, token: string | undefined, signal: AbortSignal): ApiClient {
  let opened: Promise<Opened> | undefined;
  let close = () => {};
  const transport = async () => {
    opened ??= open(server, token);
    const connection = await opened;
    close = connection.close;
    return connection.transport;
  };
  return {
    async call(method, input) {
      const { unary } = await transport();
      return (await unary(method, signal, callTimeoutMs, undefined, input)).message;
    },
    async *stream(method, input) {
      const { stream } = await transport();
      const response = await stream(method, signal, undefined, undefined, once(input));
      yield* response.message;
    },
    [Symbol.dispose]() {
      close();
    },
  };
}

interface Opened {
  readonly transport: Transport;
  readonly close: () => void;
}

// Loaded at the first call, so that help, mistakes and local commands answer at once.
async function open(server: string, token: string | undefined): Promise<Opened> {
  const { createGrpcTransport, Http2SessionManager } = await import('@connectrpc/connect-node');
  const sessions = new Http2SessionManager(server);
  const authorize: Interceptor = (next) => (request) => {
    if (token !== undefined) request.header.set('authorization', `Bearer ${token}`);
    return next(request);
  };
  const transport = createGrpcTransport({
    baseUrl: server,
    sessionManager: sessions,
    interceptors: [authorize],
  });
  return { transport, close: () => sessions.abort() };
}

async function* once<T>(value: T): AsyncIterable<T> {
  yield value;
}

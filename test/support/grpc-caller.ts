import {
  type ChannelOptions,
  Client,
  type ClientReadableStream,
  credentials,
  Metadata,
  type ServiceError,
  status,
} from '@grpc/grpc-js';
import type { Answer, Caller, Refusal } from './calls.ts';
import { decodeStatus, fromLoader, type Message, methodNamed, toLoader } from './stock-protos.ts';

export interface StreamOptions {
  readonly token: string;
  readonly deadlineMs?: number;
}

/** A stock gRPC client on one channel of its own, whose stubs are made of the .proto files at run time. */
export interface GrpcCaller extends Disposable {
  readonly call: Caller;
  /** The raw client, for what `call` does not do. */
  readonly client: Client;
  /** Opens a server stream; its messages are in JSON. */
  stream(method: string, request: Message, options: StreamOptions): MessageStream;
  /** Opens a stream in both directions. */
  duplex(method: string, options: StreamOptions): DuplexStream;
}

/** The messages of a stream, as they come. */
export interface MessageStream extends Disposable {
  /** The next message; undefined once the stream has ended. */
  next(): Promise<Message | undefined>;
  /** How it ended: undefined for OK. Resolves when it has. */
  readonly ended: Promise<Refusal | undefined>;
  cancel(): void;
}

export interface DuplexStream extends MessageStream {
  write(message: Message): void;
  end(): void;
}

export function grpcCaller(address: string, options: ChannelOptions = {}): GrpcCaller {
  const client = new Client(address, credentials.createInsecure(), {
    'grpc.use_local_subchannel_pool': 1,
    ...options,
  });
  return {
    client,
    call: (method, request, token) => unary(client, method, request, token),
    stream(name, request, { token, deadlineMs }) {
      const method = methodNamed(name);
      const call = client.makeServerStreamRequest(
        method.path,
        method.requestSerialize,
        method.responseDeserialize,
        toLoader(method.requestType, request),
        metadataOf(token),
        deadlineIn(deadlineMs),
      );
      return messagesOf(name, call);
    },
    duplex(name, { token, deadlineMs }) {
      const method = methodNamed(name);
      const call = client.makeBidiStreamRequest(
        method.path,
        method.requestSerialize,
        method.responseDeserialize,
        metadataOf(token),
        deadlineIn(deadlineMs),
      );
      return {
        ...messagesOf(name, call),
        write: (message) => void call.write(toLoader(method.requestType, message)),
        end: () => void call.end(),
      };
    },
    [Symbol.dispose]: () => client.close(),
  };
}

/** What an error of grpc-js says, with the details that came in its trailer. */
export function refusalOf(error: ServiceError): Refusal {
  const [trailer] = error.metadata.get('grpc-status-details-bin');
  return {
    code: status[error.code] ?? String(error.code),
    message: error.details,
    details: trailer instanceof Buffer ? decodeStatus(trailer) : new Map(),
  };
}

export function metadataOf(token: string): Metadata {
  const metadata = new Metadata();
  if (token !== '') metadata.set('authorization', `Bearer ${token}`);
  return metadata;
}

function unary(client: Client, name: string, request: Message, token: string): Promise<Answer> {
  const method = methodNamed(name);
  return new Promise((resolve) => {
    client.makeUnaryRequest(
      method.path,
      method.requestSerialize,
      method.responseDeserialize,
      toLoader(method.requestType, request),
      metadataOf(token),
      (error, response) =>
        resolve(
          error === null
            ? { response: fromLoader(method.responseType, { ...response }) }
            : { refusal: refusalOf(error) },
        ),
    );
  });
}

function messagesOf(name: string, call: ClientReadableStream<object>): MessageStream {
  const { responseType } = methodNamed(name);
  const arrived: Message[] = [];
  const { promise: ended, resolve } = Promise.withResolvers<Refusal | undefined>();
  let isOver = false;
  let wake = () => {};
  call.on('data', (message) => {
    arrived.push(fromLoader(responseType, message));
    wake();
  });
  call.on('error', () => undefined);
  call.on('status', ({ code, details, metadata }) => {
    isOver = true;
    const error = Object.assign(new Error(details), { code, details, metadata });
    resolve(code === status.OK ? undefined : refusalOf(error));
    wake();
  });
  const cancel = () => call.cancel();
  return {
    async next() {
      while (arrived.length === 0 && !isOver)
        await new Promise<void>((resume) => {
          wake = resume;
        });
      return arrived.shift();
    },
    ended,
    cancel,
    [Symbol.dispose]: cancel,
  };
}

function deadlineIn(deadlineMs: number | undefined): { deadline?: number } {
  return deadlineMs === undefined ? {} : { deadline: Date.now() + deadlineMs };
}

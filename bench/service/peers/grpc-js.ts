import { type DescMethod, fromBinary, type Message, toBinary } from '@bufbuild/protobuf';
import {
  Server,
  ServerCredentials,
  type ServerDuplexStream,
  type ServerUnaryCall,
  type ServerWritableStream,
  type sendUnaryData,
} from '@grpc/grpc-js';
import {
  type EvaluateAllRequest,
  type EvaluateAllResponse,
  type EvaluateRequest,
  type EvaluateResponse,
  type EvaluateStreamRequest,
  type EvaluateStreamResponse,
  EvaluationService,
} from '../../../gen/vexil/v1/evaluation_pb.ts';
import { answering } from './answering.ts';
import { snapshotIn } from './snapshot-in.ts';

// Vexil's service as grpc-js serves it, and nothing else around it. Messages are encoded by protobuf-es: what
// proto-loader makes is as fast for small ones and half as fast for large ones.

const answers = answering(snapshotIn(process.argv[2] ?? ''));
const { evaluate, evaluateAll, evaluateStream } = EvaluationService.method;
const server = new Server();
server.addService(
  {
    evaluate: definitionOf(evaluate),
    evaluateAll: definitionOf(evaluateAll),
    evaluateStream: definitionOf(evaluateStream),
  },
  {
    evaluate: ({ request }: Unary<EvaluateRequest, EvaluateResponse>, reply: Reply<EvaluateResponse>) =>
      reply(null, answers.evaluate(request)),
    evaluateAll: (
      { request }: Unary<EvaluateAllRequest, EvaluateAllResponse>,
      reply: Reply<EvaluateAllResponse>,
    ) => reply(null, answers.evaluateAll(request)),
    evaluateStream: (call: ServerDuplexStream<EvaluateStreamRequest, EvaluateStreamResponse>) => {
      call.on('data', (request) => call.write(answers.evaluateStream(request)));
      call.on('end', () => call.end());
    },
  },
);

type Unary<I, O> = ServerUnaryCall<I, O>;
type Reply<O> = sendUnaryData<O>;

function definitionOf({ input, output, parent, name, methodKind }: DescMethod) {
  const isStream = methodKind === 'bidi_streaming';
  const bytesOf = (bytes: Uint8Array) => Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length);
  return {
    path: `/${parent.typeName}/${name}`,
    requestStream: isStream,
    responseStream: isStream,
    requestSerialize: (message: Message) => bytesOf(toBinary(input, message)),
    requestDeserialize: (bytes: Buffer): Message => fromBinary(input, bytes),
    responseSerialize: (message: Message) => bytesOf(toBinary(output, message)),
    responseDeserialize: (bytes: Buffer): Message => fromBinary(output, bytes),
  };
}

// Watches, in the least that grpc-js can do for them: bytes that are never decoded or encoded, a set of streams, and
// the same 256 of them for each when something changes.

const EVENT = Buffer.alloc(256, 'x');
const watchers = new Set<ServerWritableStream<Buffer, Buffer>>();
const asIs = (bytes: Buffer) => bytes;
const bytes = {
  ...{ requestStream: false, requestSerialize: asIs, requestDeserialize: asIs },
  ...{ responseSerialize: asIs, responseDeserialize: asIs },
};
server.addService(
  {
    watch: { path: '/bench.Fanout/Watch', responseStream: true, ...bytes },
    publish: { path: '/bench.Fanout/Publish', responseStream: false, ...bytes },
  },
  {
    watch: (call: ServerWritableStream<Buffer, Buffer>) => {
      watchers.add(call);
      call.on('cancelled', () => watchers.delete(call));
      call.write(EVENT);
    },
    publish: (_call: Unary<Buffer, Buffer>, reply: Reply<Buffer>) => {
      for (const watcher of watchers) watcher.write(EVENT);
      reply(null, Buffer.alloc(0));
    },
  },
);

server.bindAsync('127.0.0.1:0', ServerCredentials.createInsecure(), (error, port) => {
  if (error !== null) throw error;
  console.log(JSON.stringify({ msg: 'ready', url: `http://127.0.0.1:${port}` }));
});

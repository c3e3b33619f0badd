import { type DescMessage, type DescMethod, fromJsonString, type MessageShape } from '@bufbuild/protobuf';
import { Code, ConnectError } from '@connectrpc/connect';
import {
  EvaluateAllRequestSchema,
  EvaluateRequestSchema,
  EvaluateStreamRequestSchema,
  EvaluationService,
  HandshakeRequestSchema,
} from '../../../gen/vexil/v1/evaluation_pb.ts';
import type { Codec } from '../hot/hot-method.ts';
import { checkJson } from '../json-guard.ts';
import { malformedMessage } from '../request-guard.ts';
import type { EvaluateAllQuery, EvaluateQuery, HandshakeQuery, StreamQuery } from './queries.ts';
import { evaluateAllQuery, evaluateQuery, handshakeQuery, streamQuery } from './query-of.ts';
import { readEvaluate, readEvaluateAll, readHandshake, readStreamed } from './read-queries.ts';
import { WireError } from './wire-reader.ts';

/** Reads one whole message. Throws a FlagError, or a ConnectError, if it is no request of its kind. */
export type QueryReader<Query> = (message: Uint8Array, codec: Codec) => Query;

export interface QueryReaders {
  readonly evaluate: QueryReader<EvaluateQuery>;
  readonly evaluateAll: QueryReader<EvaluateAllQuery>;
  readonly handshake: QueryReader<HandshakeQuery>;
  readonly evaluateStream: QueryReader<StreamQuery>;
}

export interface ReaderLimits {
  /** How deep a request in JSON may nest. */
  readonly maxJsonDepth: number;
  /** Of a context. */
  readonly maxAttributes: number;
}

/** Readers of the requests of EvaluationService. */
export function queryReaders(limits: ReaderLimits): QueryReaders {
  return {
    evaluate: reader(EvaluateRequestSchema, limits, readEvaluate, evaluateQuery),
    evaluateAll: reader(EvaluateAllRequestSchema, limits, readEvaluateAll, evaluateAllQuery),
    handshake: reader(HandshakeRequestSchema, limits, readHandshake, handshakeQuery),
    evaluateStream: reader(EvaluateStreamRequestSchema, limits, readStreamed, streamQuery),
  };
}

function reader<Input extends DescMessage, Query>(
  input: Input,
  { maxJsonDepth, maxAttributes }: ReaderLimits,
  readBytes: (message: Uint8Array, maxAttributes: number) => Query,
  queryOf: (message: MessageShape<Input>) => Query,
): QueryReader<Query> {
  return (message, codec) => {
    if (codec === 'json') return queryOf(parseJson(input, message, maxJsonDepth));
    try {
      return readBytes(message, maxAttributes);
    } catch (error) {
      throw error instanceof WireError ? malformedMessage(input, error) : error;
    }
  };
}

/** Demands of a message in binary that it can be read, and asks for no more than it may. Throws as the readers do. */
export type MessageCheck = (message: Uint8Array) => void;

/** The requests of EvaluationService that can be checked with less work than it takes to parse them. */
export function requestChecks(limits: ReaderLimits): ReadonlyMap<DescMethod, MessageCheck> {
  const { method } = EvaluationService;
  const { evaluate, evaluateAll, handshake, evaluateStream } = queryReaders(limits);
  return new Map<DescMethod, MessageCheck>([
    [method.evaluate, (message) => void evaluate(message, 'proto')],
    [method.evaluateAll, (message) => void evaluateAll(message, 'proto')],
    [method.handshake, (message) => void handshake(message, 'proto')],
    [method.evaluateStream, (message) => void evaluateStream(message, 'proto')],
  ]);
}

const textDecoder = new TextDecoder();

/** As the library does behind the guard, which passes over fields that it does not know. */
function parseJson<Input extends DescMessage>(
  input: Input,
  message: Uint8Array,
  maxDepth: number,
): MessageShape<Input> {
  checkJson(message, maxDepth);
  try {
    return fromJsonString(input, textDecoder.decode(message), { ignoreUnknownFields: true });
  } catch (error) {
    throw ConnectError.from(error, Code.InvalidArgument);
  }
}

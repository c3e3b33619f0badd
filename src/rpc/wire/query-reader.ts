import { type DescMessage, fromJsonString, type MessageShape } from '@bufbuild/protobuf';
import { Code, ConnectError } from '@connectrpc/connect';
import {
  EvaluateAllRequestSchema,
  EvaluateRequestSchema,
  EvaluateStreamRequestSchema,
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

/** Readers of the requests of EvaluationService. `maxJsonDepth` is how deep one in JSON may nest. */
export function queryReaders(maxJsonDepth: number): QueryReaders {
  return {
    evaluate: reader(EvaluateRequestSchema, maxJsonDepth, readEvaluate, evaluateQuery),
    evaluateAll: reader(EvaluateAllRequestSchema, maxJsonDepth, readEvaluateAll, evaluateAllQuery),
    handshake: reader(HandshakeRequestSchema, maxJsonDepth, readHandshake, handshakeQuery),
    evaluateStream: reader(EvaluateStreamRequestSchema, maxJsonDepth, readStreamed, streamQuery),
  };
}

function reader<Input extends DescMessage, Query>(
  input: Input,
  maxJsonDepth: number,
  readBytes: (message: Uint8Array) => Query,
  queryOf: (message: MessageShape<Input>) => Query,
): QueryReader<Query> {
  return (message, codec) => {
    if (codec === 'json') return queryOf(parseJson(input, message, maxJsonDepth));
    try {
      return readBytes(message);
    } catch (error) {
      throw error instanceof WireError ? malformedMessage(input, error) : error;
    }
  };
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

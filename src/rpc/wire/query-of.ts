import type {
  EvaluateAllRequest,
  EvaluateRequest,
  EvaluateStreamRequest,
  HandshakeRequest,
} from '../../../gen/vexil/v1/evaluation_pb.ts';
import { contextQuery } from '../convert/context.ts';
import { flagTypes } from '../convert/enums.ts';
import type { EvaluateAllQuery, EvaluateQuery, HandshakeQuery, StreamQuery } from './queries.ts';

/** Requests that the generic parser has read, in whatever codec, as what they ask for. */

export function evaluateQuery(request: EvaluateRequest): EvaluateQuery {
  const { flagKey, explain, environment } = request;
  return {
    ...{ flagKey, explain, environment },
    context: contextQuery(request.context),
    expectedType: flagTypes.fromWire(request.expectedType),
    minRevision: revisionOf(request.minRevision),
  };
}

export function evaluateAllQuery(request: EvaluateAllRequest): EvaluateAllQuery {
  const { flagKeys, environment } = request;
  return {
    ...{ flagKeys, environment },
    context: contextQuery(request.context),
    minRevision: revisionOf(request.minRevision),
  };
}

export function handshakeQuery(request: HandshakeRequest): HandshakeQuery {
  const { protocolVersion, client, flagKeys, etag, environment } = request;
  return {
    ...{ protocolVersion, flagKeys, etag, environment },
    client: client && { name: client.name, version: client.version },
    context: contextQuery(request.context),
    minRevision: revisionOf(request.minRevision),
  };
}

export function streamQuery(request: EvaluateStreamRequest): StreamQuery {
  const { id, flagKey, environment } = request;
  return {
    idLow: Number(BigInt.asIntN(32, id)),
    idHigh: Number(BigInt.asIntN(32, id >> 32n)),
    ...{ flagKey, environment },
    context: contextQuery(request.context),
    expectedType: flagTypes.fromWire(request.expectedType),
  };
}

function revisionOf(revision: bigint): number {
  return revision >= 0n && revision <= BigInt(Number.MAX_SAFE_INTEGER) ? Number(revision) : -1;
}

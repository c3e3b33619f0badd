import { create } from '@bufbuild/protobuf';
import {
  type EvaluateAllResponse,
  EvaluateAllResponseSchema,
  type EvaluateResponse,
  type HandshakeResponse,
  HandshakeResponseSchema,
} from '../../../gen/vexil/v1/evaluation_pb.ts';
import { CAPABILITIES, PROTOCOL_VERSION } from '../../app/handshake.ts';
import type { Evaluated } from '../hot/evaluate.ts';
import type { EvaluatedAll } from '../hot/evaluate-all.ts';
import type { Shaken } from '../hot/handshake.ts';
import { environmentName } from '../names.ts';
import { decisionOf, evaluateResponseOf } from './decision.ts';
import { traceMessage } from './trace.ts';

/** The answers of the evaluation RPCs as messages. */

export function evaluateResponse({ outcome, revision, steps }: Evaluated): EvaluateResponse {
  const response = evaluateResponseOf(outcome, revision);
  if (steps !== undefined) response.trace = traceMessage(steps);
  return response;
}

export function evaluateAllResponse({ outcomes, revision }: EvaluatedAll): EvaluateAllResponse {
  return create(EvaluateAllResponseSchema, {
    decisions: outcomes.map(decisionOf),
    revision: BigInt(revision),
  });
}

export function handshakeResponse(shaken: Shaken, serverVersion: string): HandshakeResponse {
  const { place, etag, notModified, stalenessMs, resumeToken } = shaken;
  return create(HandshakeResponseSchema, {
    protocolVersion: PROTOCOL_VERSION,
    minProtocolVersion: PROTOCOL_VERSION,
    maxProtocolVersion: PROTOCOL_VERSION,
    capabilities: [...CAPABILITIES],
    serverVersion,
    environment: environmentName(place.project, place.environment),
    revision: BigInt(shaken.revision),
    ...{ etag, notModified, stalenessMs, resumeToken },
    decisions: shaken.outcomes.map(decisionOf),
    exposuresLost: BigInt(shaken.exposuresLost),
  });
}

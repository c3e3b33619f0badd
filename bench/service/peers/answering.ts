import { create } from '@bufbuild/protobuf';
import {
  type EvaluateAllRequest,
  type EvaluateAllResponse,
  EvaluateAllResponseSchema,
  type EvaluateRequest,
  type EvaluateResponse,
  type EvaluateStreamRequest,
  type EvaluateStreamResponse,
  EvaluateStreamResponseSchema,
} from '../../../gen/vexil/v1/evaluation_pb.ts';
import { DEFAULT_CONTEXT_LIMITS, decide, decideAll } from '../../../src/app/decisions.ts';
import type { Snapshot } from '../../../src/core/snapshot.ts';
import { contextFrom } from '../../../src/rpc/convert/context.ts';
import { decisionOf, evaluateResponseOf } from '../../../src/rpc/convert/decision.ts';

/** What Vexil does for a call, without keys, limits, metrics and deadlines: the same work, and no more than that. */
export interface Answering {
  evaluate(request: EvaluateRequest): EvaluateResponse;
  evaluateAll(request: EvaluateAllRequest): EvaluateAllResponse;
  evaluateStream(request: EvaluateStreamRequest): EvaluateStreamResponse;
}

export function answering(snapshot: Snapshot): Answering {
  const revision = BigInt(snapshot.revision);
  return {
    evaluate({ flagKey, context }) {
      const asked = contextFrom(context, DEFAULT_CONTEXT_LIMITS);
      return evaluateResponseOf(decide(snapshot, flagKey, asked, Date.now(), false), snapshot.revision);
    },
    evaluateAll({ context }) {
      const asked = contextFrom(context, DEFAULT_CONTEXT_LIMITS);
      const { outcomes } = decideAll(snapshot, asked, Date.now(), { clientVisibleOnly: false });
      return create(EvaluateAllResponseSchema, { decisions: outcomes.map(decisionOf), revision });
    },
    evaluateStream({ id, flagKey, context }) {
      const asked = contextFrom(context, DEFAULT_CONTEXT_LIMITS);
      const decision = decisionOf(decide(snapshot, flagKey, asked, Date.now(), false));
      return create(EvaluateStreamResponseSchema, { id, decision, revision });
    },
  };
}

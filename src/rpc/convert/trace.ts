import { create } from '@bufbuild/protobuf';
import {
  type Trace,
  TraceSchema,
  type TraceStep,
  TraceStepSchema,
} from '../../../gen/vexil/v1/evaluation_pb.ts';
import type { TraceStep as Step } from '../../core/explain.ts';

/** How a decision came about, as a message. */
export function traceMessage(steps: readonly Step[]): Trace {
  return create(TraceSchema, { steps: steps.map(stepMessage) });
}

function stepMessage({ kind, path, description, outcome, bucket, weight, steps }: Step): TraceStep {
  return create(TraceStepSchema, {
    ...{ kind, path, description, outcome },
    ...(bucket !== undefined && { bucket }),
    ...(weight !== undefined && { weight }),
    steps: steps.map(stepMessage),
  });
}

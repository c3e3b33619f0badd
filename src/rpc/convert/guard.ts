import { create } from '@bufbuild/protobuf';
import {
  type Guard as GuardMessage,
  GuardSchema,
  type GuardState as GuardStateMessage,
  GuardStateSchema,
} from '../../../gen/vexil/v1/definitions_pb.ts';
import type { Guard, GuardState } from '../../core/model.ts';
import { timestampOf } from '../timestamp.ts';
import { guardActions, guardDirections } from './enums.ts';
import { type Mistakes, readEnum, under } from './reading.ts';

export function guardMessage(guard: Guard): GuardMessage {
  const { event, threshold, relativeRegression, minimumSample, windowSeconds, stages } = guard;
  return create(GuardSchema, {
    ...{ event, minSample: minimumSample, windowS: windowSeconds, stages: [...stages] },
    direction: guardDirections.toWire(guard.worse),
    onRegression: guardActions.toWire(guard.onRegression),
    ...(threshold !== undefined && { threshold }),
    ...(relativeRegression !== undefined && { relativeRegression }),
  });
}

export function guardStateMessage({ status, since, note }: GuardState): GuardStateMessage {
  return create(GuardStateSchema, { watching: status === 'watching', sinceTime: timestampOf(since), note });
}

/** How far it is, is not for callers to say: that part of the message is passed over. */
export function readGuard(message: GuardMessage, path: string, mistakes: Mistakes): Guard {
  const { event, direction, threshold, relativeRegression, onRegression } = message;
  const worse = guardDirections.fromWire(direction);
  const action = guardActions.fromWire(onRegression);
  return {
    event,
    worse: readEnum(worse, direction, 'higher', under(path, 'direction'), mistakes),
    ...(threshold !== undefined && { threshold }),
    ...(relativeRegression !== undefined && { relativeRegression }),
    minimumSample: message.minSample,
    windowSeconds: message.windowS,
    stages: [...message.stages],
    onRegression: readEnum(action, onRegression, 'halt', under(path, 'on_regression'), mistakes),
  };
}

import { create, toBinary, toJsonString } from '@bufbuild/protobuf';
import {
  EvaluateAllRequestSchema,
  type EvaluateRequest,
  EvaluateRequestSchema,
  EvaluateStreamRequestSchema,
  WatchFlagsRequestSchema,
} from '../../gen/vexil/v1/evaluation_pb.ts';
import type { User } from '../evaluator/scenario.ts';

export const PATHS = {
  evaluate: '/vexil.v1.EvaluationService/Evaluate',
  evaluateAll: '/vexil.v1.EvaluationService/EvaluateAll',
  evaluateStream: '/vexil.v1.EvaluationService/EvaluateStream',
  watchFlags: '/vexil.v1.EvaluationService/WatchFlags',
} as const;

/** Requests for one flag and each of these users, in base64. */
export function evaluateRequests(flagKey: string, users: readonly User[]): string[] {
  return users.map((user) => base64(toBinary(EvaluateRequestSchema, evaluateRequest(flagKey, user))));
}

/** The same in JSON, as it is. */
export function evaluateBodies(flagKey: string, users: readonly User[]): string[] {
  return users.map((user) => toJsonString(EvaluateRequestSchema, evaluateRequest(flagKey, user)));
}

export function evaluateAllRequests(users: readonly User[]): string[] {
  return users.map((user) =>
    base64(
      toBinary(EvaluateAllRequestSchema, create(EvaluateAllRequestSchema, { context: contextOf(user) })),
    ),
  );
}

export function evaluateStreamRequests(flagKey: string, users: readonly User[]): string[] {
  return users.map((user, index) => {
    const request = { id: BigInt(index + 1), flagKey, context: contextOf(user) };
    return base64(toBinary(EvaluateStreamRequestSchema, create(EvaluateStreamRequestSchema, request)));
  });
}

/** Asks to be told the definitions of all flags. */
export function watchRequest(): string {
  const request = create(WatchFlagsRequestSchema, { view: { case: 'definitions', value: {} } });
  return base64(toBinary(WatchFlagsRequestSchema, request));
}

export function base64(bytes: Uint8Array): string {
  return bytes.toBase64();
}

function evaluateRequest(flagKey: string, user: User): EvaluateRequest {
  return create(EvaluateRequestSchema, { flagKey, context: contextOf(user) });
}

function contextOf({ id, attributes }: User) {
  return { targetingKey: id, attributes: { ...attributes } };
}

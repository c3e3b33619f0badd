import { durationMs } from '@bufbuild/protobuf/wkt';
import { Code, ConnectError } from '@connectrpc/connect';
import {
  BadRequestSchema,
  ErrorInfoSchema,
  PreconditionFailureSchema,
  QuotaFailureSchema,
  RetryInfoSchema,
} from '../../gen/google/rpc/error_details_pb.ts';
import type { Settings } from './settings.ts';

export interface Failure {
  /** The first says what happened, the others add to it. */
  readonly lines: readonly string[];
  /** 4 if the key is missing or not good enough, else 1. */
  readonly exitCode: number;
}

/** What to tell somebody whose call failed. */
export function describeFailure(error: unknown, settings: Settings | undefined): Failure {
  if (!(error instanceof ConnectError)) {
    return { lines: [error instanceof Error ? error.message : String(error)], exitCode: 1 };
  }
  const unreachable = unreachableReason(error);
  if (unreachable !== undefined) {
    const server = settings?.server.value ?? 'the server';
    return { lines: [`cannot reach ${server}: ${unreachable}`, ...startHint(settings)], exitCode: 1 };
  }
  const auth = error.code === Code.Unauthenticated || error.code === Code.PermissionDenied;
  const hint = error.code === Code.Unauthenticated ? keyHint(settings) : [];
  return { lines: [error.rawMessage, ...detailsOf(error), ...hint], exitCode: auth ? 4 : 1 };
}

function detailsOf(error: ConnectError): string[] {
  const fields = error
    .findDetails(BadRequestSchema)
    .flatMap(({ fieldViolations }) =>
      fieldViolations.map(({ field, description }) => ({ subject: field, description })),
    );
  const preconditions = error.findDetails(PreconditionFailureSchema).flatMap(({ violations }) => violations);
  const quotas = error.findDetails(QuotaFailureSchema).flatMap(({ violations }) => violations);
  // Often the first violation is the message itself: it is not told twice.
  const violations = [...fields, ...preconditions, ...quotas]
    .filter(({ description }) => description !== error.rawMessage)
    .map(({ subject, description }) => (subject === '' ? description : `${subject}: ${description}`))
    .filter((line) => line !== error.rawMessage);
  const reasons = error.findDetails(ErrorInfoSchema).map(({ reason }) => `reason: ${reason}`);
  const retries = error
    .findDetails(RetryInfoSchema)
    .flatMap(({ retryDelay }) => (retryDelay === undefined ? [] : [durationMs(retryDelay)]))
    .map((ms) => `try again in ${ms / 1000} s`);
  return [...violations, ...reasons, ...retries];
}

/** `undefined` if the server did answer. */
function unreachableReason(error: ConnectError): string | undefined {
  if (error.code !== Code.Unavailable) return undefined;
  for (let cause: unknown = error.cause; cause instanceof Error; cause = cause.cause) {
    if (!('code' in cause)) continue;
    switch (cause.code) {
      case 'ECONNREFUSED':
        return 'connection refused';
      case 'ENOTFOUND':
        return 'no such host';
      case 'ETIMEDOUT':
      case 'EHOSTUNREACH':
        return cause.message;
    }
  }
  return undefined;
}

function startHint(settings: Settings | undefined): string[] {
  return settings?.server.source === 'default' ? ['start one here with: vexil serve'] : [];
}

function keyHint(settings: Settings | undefined): string[] {
  if (settings?.token !== undefined) return [`the key came from ${settings.token.source}`];
  return ['no key was sent: give one with --token-file or VEXIL_TOKEN, or run where data/admin.key is'];
}

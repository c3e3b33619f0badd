import * as wire from '../../../gen/vexil/v1/definitions_pb.ts';
import { ErrorCode as WireErrorCode, Reason as WireReason } from '../../../gen/vexil/v1/evaluation_pb.ts';
import type { FlagStatus, FlagType, Guard, HashAlgorithm, Operator, ReleaseState } from '../../core/model.ts';
import type { ErrorCode, Reason } from '../../core/outcome.ts';

/** The names of an enum in the model, and their numbers on the wire. */
export interface Pairing<Name extends string, Wire extends number> {
  /** Unspecified for a name that a newer build stored. */
  toWire(name: Name): Wire;
  /** Absent for unspecified and for a number that a newer build sent. */
  fromWire(number: Wire): Name | undefined;
}

/** Pairs the names with their numbers, both ways. */
export function pairing<Name extends string, Wire extends number>(
  unspecified: Wire,
  numbers: Readonly<Record<Name, Wire>>,
): Pairing<Name, Wire> {
  const names = new Map<Wire, Name>();
  for (const name in numbers) names.set(numbers[name], name);
  return {
    toWire: (name) => (Object.hasOwn(numbers, name) ? numbers[name] : unspecified),
    fromWire: (number) => names.get(number),
  };
}

export const flagTypes = pairing<FlagType, wire.FlagType>(wire.FlagType.UNSPECIFIED, {
  boolean: wire.FlagType.BOOLEAN,
  string: wire.FlagType.STRING,
  number: wire.FlagType.NUMBER,
  json: wire.FlagType.JSON,
});

export const flagStatuses = pairing<FlagStatus, wire.FlagStatus>(wire.FlagStatus.UNSPECIFIED, {
  draft: wire.FlagStatus.DRAFT,
  active: wire.FlagStatus.ACTIVE,
  archived: wire.FlagStatus.ARCHIVED,
});

export const hashAlgorithms = pairing<HashAlgorithm, wire.HashAlgorithm>(wire.HashAlgorithm.UNSPECIFIED, {
  murmur3: wire.HashAlgorithm.MURMUR3,
  sha256: wire.HashAlgorithm.SHA256,
  fnv1a: wire.HashAlgorithm.FNV1A,
});

export const releaseStates = pairing<ReleaseState, wire.ReleaseState>(wire.ReleaseState.UNSPECIFIED, {
  active: wire.ReleaseState.ACTIVE,
  completed: wire.ReleaseState.COMPLETED,
  rolled_back: wire.ReleaseState.ROLLED_BACK,
});

export const guardDirections = pairing<Guard['worse'], wire.GuardDirection>(wire.GuardDirection.UNSPECIFIED, {
  higher: wire.GuardDirection.HIGHER_IS_WORSE,
  lower: wire.GuardDirection.LOWER_IS_WORSE,
});

export const guardActions = pairing<Guard['onRegression'], wire.GuardAction>(wire.GuardAction.UNSPECIFIED, {
  step_back: wire.GuardAction.STEP_BACK,
  halt: wire.GuardAction.HALT,
});

export const operators = pairing<Operator, wire.Operator>(wire.Operator.UNSPECIFIED, {
  eq: wire.Operator.EQ,
  neq: wire.Operator.NEQ,
  in: wire.Operator.IN,
  not_in: wire.Operator.NOT_IN,
  contains: wire.Operator.CONTAINS,
  not_contains: wire.Operator.NOT_CONTAINS,
  starts_with: wire.Operator.STARTS_WITH,
  ends_with: wire.Operator.ENDS_WITH,
  matches: wire.Operator.MATCHES,
  gt: wire.Operator.GT,
  gte: wire.Operator.GTE,
  lt: wire.Operator.LT,
  lte: wire.Operator.LTE,
  before: wire.Operator.BEFORE,
  after: wire.Operator.AFTER,
  semver_eq: wire.Operator.SEMVER_EQ,
  semver_gt: wire.Operator.SEMVER_GT,
  semver_gte: wire.Operator.SEMVER_GTE,
  semver_lt: wire.Operator.SEMVER_LT,
  semver_lte: wire.Operator.SEMVER_LTE,
  in_cidr: wire.Operator.IN_CIDR,
  exists: wire.Operator.EXISTS,
  not_exists: wire.Operator.NOT_EXISTS,
});

export const reasons = pairing<Reason, WireReason>(WireReason.UNSPECIFIED, {
  DEFAULT: WireReason.DEFAULT,
  DISABLED: WireReason.DISABLED,
  HALTED: WireReason.HALTED,
  RELEASE_OVERRIDE: WireReason.RELEASE_OVERRIDE,
  DEPENDENCY_UNMET: WireReason.DEPENDENCY_UNMET,
  TARGETING_MATCH: WireReason.TARGETING_MATCH,
  SEGMENT_MATCH: WireReason.SEGMENT_MATCH,
  SPLIT: WireReason.SPLIT,
  ERROR: WireReason.ERROR,
});

export const errorCodes = pairing<ErrorCode, WireErrorCode>(WireErrorCode.UNSPECIFIED, {
  FLAG_NOT_FOUND: WireErrorCode.FLAG_NOT_FOUND,
  TYPE_MISMATCH: WireErrorCode.TYPE_MISMATCH,
  PARSE_ERROR: WireErrorCode.PARSE_ERROR,
  TARGETING_KEY_MISSING: WireErrorCode.TARGETING_KEY_MISSING,
  INVALID_CONTEXT: WireErrorCode.INVALID_CONTEXT,
  PROVIDER_NOT_READY: WireErrorCode.PROVIDER_NOT_READY,
  GENERAL: WireErrorCode.GENERAL,
});

import type { FlagType, Json } from './model.ts';

export type Reason =
  | 'DEFAULT'
  | 'DISABLED'
  | 'HALTED'
  | 'RELEASE_OVERRIDE'
  | 'DEPENDENCY_UNMET'
  | 'TARGETING_MATCH'
  | 'SEGMENT_MATCH'
  | 'SPLIT'
  | 'ERROR';

export type ErrorCode =
  | 'FLAG_NOT_FOUND'
  | 'TYPE_MISMATCH'
  | 'PARSE_ERROR'
  | 'TARGETING_KEY_MISSING'
  | 'INVALID_CONTEXT'
  | 'PROVIDER_NOT_READY'
  | 'GENERAL';

/**
 * One answer that a flag can give. The compiler makes every outcome of a flag once, so an evaluation returns
 * one that exists already: the same object as long as the flag's definition stays the same. Compare by identity
 * first; whoever encodes an outcome may keep the bytes by it.
 */
export interface Outcome {
  readonly flag: string;
  /** Absent exactly when the caller's own default is to be used. */
  readonly value: Json | undefined;
  readonly type: FlagType | undefined;
  /** Empty when `value` is absent. */
  readonly variation: string;
  readonly reason: Reason;
  readonly errorCode: ErrorCode | undefined;
  /** More about the reason; may be empty. */
  readonly detail: string;
  /** Empty unless a rule decided. */
  readonly ruleId: string;
  /** The revision that last changed the flag or its settings; 0 for an unknown flag. */
  readonly flagVersion: number;
  /** Nothing but a change of this flag can change this answer: no context, schedule or prerequisite. */
  readonly isStatic: boolean;
  readonly clientVisible: boolean;
  readonly recordExposures: boolean;
}

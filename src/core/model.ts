/**
 * The objects that everything is about, as plain immutable data. They are what the log stores (as JSON),
 * what the compiler reads and what the RPC layer converts to and from. Weights are thousandths of a percent
 * (`WHOLE` is everybody); instants are RFC 3339 strings in UTC, as `Date.prototype.toISOString` writes them.
 */

export const WHOLE = 100_000;

export type Json = null | boolean | number | string | readonly Json[] | JsonObject;
export interface JsonObject {
  readonly [name: string]: Json;
}

export type Instant = string;

/** Revisions of a project's log: 1, 2, 3, … without gaps. 0 is the empty log. */
export type Revision = number;

export type FlagType = 'boolean' | 'string' | 'number' | 'json';
export type FlagStatus = 'draft' | 'active' | 'archived';
export type HashAlgorithm = 'murmur3' | 'sha256' | 'fnv1a';

export interface Variation {
  readonly key: string;
  readonly value: Json;
  readonly name?: string;
  readonly description?: string;
}

/** What a flag is in every environment of its project. */
export interface Flag {
  readonly key: string;
  readonly name: string;
  readonly description: string;
  readonly tags: readonly string[];
  readonly owner: string;
  readonly type: FlagType;
  readonly variations: readonly Variation[];
  /** For environments whose settings name none. */
  readonly defaultVariation: string;
  readonly jsonSchema?: JsonObject;
  readonly status: FlagStatus;
  /** Of an archived flag: what it is again when it is restored. */
  readonly statusBeforeArchive?: Exclude<FlagStatus, 'archived'>;
  readonly clientVisible: boolean;
  readonly temporary: boolean;
  readonly removalAt?: Instant;
  readonly createdAt: Instant;
  readonly updatedAt: Instant;
}

export interface Halt {
  readonly by: string;
  readonly reason: string;
  readonly at: Instant;
}

export interface Prerequisite {
  readonly flag: string;
  readonly variations: readonly string[];
}

export interface Target {
  readonly variation: string;
  readonly keys: readonly string[];
}

export interface Rollout {
  readonly weight: number;
  /** Default: the flag's salt, a colon, the rule's id. */
  readonly salt?: string;
}

export interface WeightedVariation {
  readonly variation: string;
  readonly weight: number;
}

export type Serve =
  | { readonly kind: 'variation'; readonly variation: string }
  | { readonly kind: 'split'; readonly variations: readonly WeightedVariation[] };

export interface RampStep {
  readonly startsAt: Instant;
  readonly weight: number;
}

export type Ramp =
  | { readonly kind: 'steps'; readonly steps: readonly RampStep[] }
  | {
      readonly kind: 'linear';
      readonly startsAt: Instant;
      readonly endsAt: Instant;
      readonly fromWeight: number;
      readonly toWeight: number;
    };

/** Watches those who get a variation by a rule, and moves its rollout. Shares are weights: `WHOLE` is everybody. */
export interface Guard {
  /** Empty: errors and crashes. */
  readonly event: string;
  readonly worse: 'higher' | 'lower';
  /** The worst share of people with such an event that is still fine. */
  readonly threshold?: number;
  /** By how much of the default variation's share it may be worse. */
  readonly relativeRegression?: number;
  /** People of each variation. */
  readonly minimumSample: number;
  readonly windowSeconds: number;
  /** Weights, ascending. Empty: it never moves forward. */
  readonly stages: readonly number[];
  readonly onRegression: 'step_back' | 'halt';
}

export interface GuardState {
  /** `resting`: it acted on a regression, and leaves it to people whether to go forward again. */
  readonly status: 'watching' | 'resting';
  /** What is older does not count. */
  readonly since: Instant;
  /** The numbers by which it acted last. */
  readonly note: string;
}

export interface Rule {
  readonly id: string;
  readonly name: string;
  /** Lowest first; equal ones keep the order of the list. */
  readonly priority: number;
  /** Absent: everybody. */
  readonly condition?: Condition;
  /** Absent: everybody whom the condition admits. */
  readonly rollout?: Rollout;
  readonly serve: Serve;
  readonly ramp?: Ramp;
  /** False: what this rule decides is not recorded. */
  readonly recordExposures: boolean;
  readonly guard?: Guard;
  /** Kept by the writer as long as there is a guard; what a caller says about it does not count. */
  readonly guardState?: GuardState;
}

export type Operator =
  | 'eq'
  | 'neq'
  | 'in'
  | 'not_in'
  | 'contains'
  | 'not_contains'
  | 'starts_with'
  | 'ends_with'
  | 'matches'
  | 'gt'
  | 'gte'
  | 'lt'
  | 'lte'
  | 'before'
  | 'after'
  | 'semver_eq'
  | 'semver_gt'
  | 'semver_gte'
  | 'semver_lt'
  | 'semver_lte'
  | 'in_cidr'
  | 'exists'
  | 'not_exists';

export interface Clause {
  readonly kind: 'clause';
  readonly attribute: string;
  readonly operator: Operator;
  readonly values: readonly Json[];
}

export interface SegmentClause {
  readonly kind: 'segment';
  readonly segments: readonly string[];
  readonly negate: boolean;
}

export type ReleaseGate =
  | {
      readonly kind: 'runtime_version';
      readonly operator: 'gt' | 'gte' | 'lt' | 'lte';
      readonly version: string;
    }
  | { readonly kind: 'branch'; readonly branch: string }
  | { readonly kind: 'updated_within'; readonly days: number };

export type Condition =
  | { readonly kind: 'all'; readonly conditions: readonly Condition[] }
  | { readonly kind: 'any'; readonly conditions: readonly Condition[] }
  | { readonly kind: 'not'; readonly condition: Condition }
  | Clause
  | SegmentClause
  | { readonly kind: 'release'; readonly gate: ReleaseGate };

export type ScheduledAction =
  | { readonly kind: 'enable' }
  | { readonly kind: 'disable' }
  | { readonly kind: 'halt'; readonly reason: string }
  | { readonly kind: 'resume' }
  | { readonly kind: 'rollout'; readonly ruleId: string; readonly weight: number }
  | { readonly kind: 'default_variation'; readonly variation: string };

export interface ScheduledChange {
  readonly id: string;
  readonly at: Instant;
  readonly action: ScheduledAction;
  readonly by: string;
}

/** How a flag behaves in one environment. */
export interface FlagSettings {
  readonly flag: string;
  readonly enabled: boolean;
  readonly halt?: Halt;
  /** Absent: the flag's own. */
  readonly defaultVariation?: string;
  readonly prerequisites: readonly Prerequisite[];
  readonly targets: readonly Target[];
  readonly rules: readonly Rule[];
  /** Absent: the targeting key. */
  readonly bucketBy?: string;
  /** Absent: the flag key. */
  readonly salt?: string;
  readonly hash: HashAlgorithm;
  readonly scheduledChanges: readonly ScheduledChange[];
  readonly updatedAt?: Instant;
}

/** What an environment that was never touched has for every flag. */
export function initialSettings(flag: string): FlagSettings {
  return {
    flag,
    enabled: false,
    prerequisites: [],
    targets: [],
    rules: [],
    hash: 'murmur3',
    scheduledChanges: [],
  };
}

export interface Segment {
  readonly key: string;
  readonly name: string;
  readonly description: string;
  readonly included: readonly string[];
  /** Beats `included`. */
  readonly excluded: readonly string[];
  /** Absent: nobody beyond the included. */
  readonly condition?: Condition;
  readonly archived: boolean;
  readonly createdAt: Instant;
  readonly updatedAt: Instant;
}

export type ReleaseState = 'active' | 'completed' | 'rolled_back';

export interface Release {
  readonly key: string;
  readonly branch: string;
  readonly runtimeVersion: string;
  /** How many devices it is offered to. Whoever runs it gets its flags. */
  readonly rolloutWeight: number;
  readonly state: ReleaseState;
  readonly flags: readonly { readonly flag: string; readonly variation: string }[];
  readonly rolledBackFlags: readonly string[];
  readonly createdAt: Instant;
  readonly updatedAt: Instant;
}

export interface Project {
  readonly key: string;
  readonly name: string;
  readonly description: string;
  readonly archived: boolean;
  readonly createdAt: Instant;
  readonly updatedAt: Instant;
}

/** How what is evaluated in an environment is recorded. */
export interface Recording {
  /** True: nothing is. */
  readonly disabled: boolean;
  /** The attributes of contexts that may be kept with their targeting key; all others never leave the process. */
  readonly keptAttributes: readonly string[];
  /** True: instead of targeting keys, keyed hashes of them are kept. */
  readonly hashTargetingKeys: boolean;
}

/** For environments that say nothing about it. */
export const DEFAULT_RECORDING: Recording = Object.freeze({
  disabled: false,
  keptAttributes: Object.freeze([]),
  hashTargetingKeys: false,
});

export interface Environment {
  readonly key: string;
  readonly name: string;
  readonly description: string;
  readonly archived: boolean;
  /** Absent: `DEFAULT_RECORDING`. */
  readonly recording?: Recording;
  readonly createdAt: Instant;
  readonly updatedAt: Instant;
}

export type KeyKind = 'server' | 'web' | 'admin';
export type Scope = 'read' | 'write' | 'halt' | 'keys';

export interface AccessKey {
  readonly id: string;
  readonly kind: KeyKind;
  readonly name: string;
  /** For server and web keys. */
  readonly environment?: string;
  /** For admin keys. */
  readonly scopes: readonly Scope[];
  /** For web keys; `*` is any. */
  readonly allowedOrigins: readonly string[];
  /** SHA-256 of pepper and secret, in hexadecimal. */
  readonly secretHash: string;
  readonly expiresAt?: Instant;
  readonly revokedAt?: Instant;
  readonly createdAt: Instant;
}

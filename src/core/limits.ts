/**
 * How much of everything a project may hold, checked when a change is written; what is stored is read whatever its
 * size. Exceeding one is `exhausted`, before anything is written.
 */
export interface Limits {
  readonly flags: number;
  readonly segments: number;
  readonly releases: number;
  readonly environments: number;
  readonly keys: number;
  readonly variationsPerFlag: number;
  readonly rulesPerFlag: number;
  readonly prerequisitesPerFlag: number;
  /** How many flags a chain of prerequisites may have below the first. */
  readonly prerequisiteDepth: number;
  /** Targeting keys over all targets of a flag in one environment. */
  readonly targetKeysPerFlag: number;
  readonly stepsPerRamp: number;
  readonly scheduledChangesPerFlag: number;
  /** Included and excluded keys of a segment. */
  readonly segmentKeys: number;
  readonly segmentDepth: number;
  readonly clausesPerCondition: number;
  readonly conditionDepth: number;
  readonly valuesPerClause: number;
  /** Characters. */
  readonly patternLength: number;
  readonly stringLength: number;
  /** Bytes of a variation's value as JSON. */
  readonly valueBytes: number;
}

export const DEFAULT_LIMITS: Limits = {
  flags: 5_000,
  segments: 1_000,
  releases: 1_000,
  environments: 50,
  keys: 1_000,
  variationsPerFlag: 100,
  rulesPerFlag: 20,
  prerequisitesPerFlag: 20,
  prerequisiteDepth: 8,
  targetKeysPerFlag: 10_000,
  stepsPerRamp: 100,
  scheduledChangesPerFlag: 50,
  segmentKeys: 100_000,
  segmentDepth: 8,
  clausesPerCondition: 200,
  conditionDepth: 10,
  valuesPerClause: 10_000,
  patternLength: 1_000,
  stringLength: 4_096,
  valueBytes: 65_536,
};

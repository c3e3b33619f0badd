import type { Flag, FlagSettings, Json, Release, Segment } from '../../../src/core/model.ts';
import type { Outcome } from '../../../src/core/outcome.ts';

/** What is compared of a flag: that which the clients of fault tests change. */
export interface FlagContent {
  readonly description: string;
  readonly status: string;
  readonly variations: readonly (readonly [key: string, value: Json])[];
  readonly enabled: boolean;
  /** The reason of the halt; undefined for a flag that is not halted. */
  readonly halted: string | undefined;
  readonly defaultVariation: string;
  readonly targets: readonly (readonly [variation: string, keys: readonly string[]])[];
}

export function flagWitness(content: FlagContent): string {
  const { description, status, variations, enabled, halted = '', defaultVariation, targets } = content;
  return JSON.stringify([description, status, variations, enabled, halted, defaultVariation, targets]);
}

export function flagContent(flag: Flag, settings: FlagSettings): FlagContent {
  return {
    description: flag.description,
    status: flag.status,
    variations: flag.variations.map(({ key, value }) => [key, value]),
    enabled: settings.enabled,
    halted: settings.halt?.reason,
    defaultVariation: settings.defaultVariation ?? '',
    targets: settings.targets.map(({ variation, keys }) => [variation, keys]),
  };
}

export function segmentWitness(segment: Pick<Segment, 'description' | 'included' | 'excluded'>): string {
  return JSON.stringify([segment.description, segment.included, segment.excluded]);
}

export function releaseWitness(
  release: Pick<Release, 'branch' | 'runtimeVersion' | 'rolloutWeight'>,
): string {
  return JSON.stringify([release.branch, release.runtimeVersion, release.rolloutWeight]);
}

export function decisionWitness(decision: Pick<Outcome, 'variation' | 'value' | 'reason'>): string {
  return JSON.stringify([decision.variation, decision.value ?? null, decision.reason]);
}

import type { ObjectId } from '../core/change.ts';
import type { Condition, FlagSettings, Rule } from '../core/model.ts';
import type { ProjectState } from './project-state.ts';

/**
 * What refers to what, looked up from the other end: by whatever asks whether something may go. Archived flags and
 * segments count, because they can be restored; of releases only active ones do.
 */

/** Segments, and flags as settings of an environment, whose conditions name the segment. */
export function referrersOfSegment(state: ProjectState, segment: string): ObjectId[] {
  const found: ObjectId[] = [];
  for (const { environment, settings } of settingsIn(state))
    if (settings.rules.some((rule) => rule.condition && mentions(rule.condition, segment)))
      found.push({ kind: 'settings', environment, key: settings.flag });
  for (const { state: other } of state.segments.values())
    if (other.condition && mentions(other.condition, segment))
      found.push({ kind: 'segment', environment: '', key: other.key });
  return found;
}

/** Settings of other flags with the flag as a prerequisite, and active releases that set it. */
export function referrersOfFlag(state: ProjectState, flag: string): ObjectId[] {
  const found: ObjectId[] = [];
  for (const { environment, settings } of settingsIn(state))
    if (settings.prerequisites.some((prerequisite) => prerequisite.flag === flag))
      found.push({ kind: 'settings', environment, key: settings.flag });
  for (const { state: release } of state.releases.values())
    if (release.state === 'active' && release.flags.some((entry) => entry.flag === flag))
      found.push({ kind: 'release', environment: '', key: release.key });
  return found;
}

/**
 * The flag itself and its settings where they serve the variation or plan to, settings of other flags that ask for
 * it in a prerequisite, and active releases that set it.
 */
export function referrersOfVariation(state: ProjectState, flag: string, variation: string): ObjectId[] {
  const found: ObjectId[] = [];
  if (state.flags.get(flag)?.state.defaultVariation === variation)
    found.push({ kind: 'flag', environment: '', key: flag });
  for (const { environment, settings } of settingsIn(state)) {
    const refers =
      settings.flag === flag
        ? serves(settings, variation)
        : settings.prerequisites.some((each) => each.flag === flag && each.variations.includes(variation));
    if (refers) found.push({ kind: 'settings', environment, key: settings.flag });
  }
  for (const { state: release } of state.releases.values())
    if (
      release.state === 'active' &&
      release.flags.some((entry) => entry.flag === flag && entry.variation === variation)
    )
      found.push({ kind: 'release', environment: '', key: release.key });
  return found;
}

/** Every segment that a condition names, as often as it does. */
export function* segmentsNamedIn(condition: Condition): Generator<string> {
  switch (condition.kind) {
    case 'all':
    case 'any':
      for (const each of condition.conditions) yield* segmentsNamedIn(each);
      return;
    case 'not':
      yield* segmentsNamedIn(condition.condition);
      return;
    case 'segment':
      yield* condition.segments;
      return;
    case 'clause':
    case 'release':
      return;
  }
}

function mentions(condition: Condition, segment: string): boolean {
  for (const named of segmentsNamedIn(condition)) if (named === segment) return true;
  return false;
}

function* settingsIn(state: ProjectState): Generator<{ environment: string; settings: FlagSettings }> {
  for (const [environment, table] of state.settings)
    for (const { state: settings } of table.values()) yield { environment, settings };
}

function serves(settings: FlagSettings, variation: string): boolean {
  return (
    settings.defaultVariation === variation ||
    settings.targets.some((target) => target.variation === variation) ||
    settings.rules.some((rule) => variationsOf(rule).includes(variation)) ||
    settings.scheduledChanges.some(
      ({ action }) => action.kind === 'default_variation' && action.variation === variation,
    )
  );
}

function variationsOf({ serve }: Rule): string[] {
  return serve.kind === 'variation' ? [serve.variation] : serve.variations.map((each) => each.variation);
}

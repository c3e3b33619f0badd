import { canonicalJson } from '../core/canonical-json.ts';
import type { ObjectState } from '../core/change.ts';
import type { Violation } from '../core/errors.ts';
import type { Limits } from '../core/limits.ts';
import type { Flag, FlagSettings } from '../core/model.ts';
import { validateFlag } from '../core/validate-flag.ts';
import { validateRecording } from '../core/validate-recording.ts';
import {
  type ReferenceLookup,
  validateFlagReferences,
  validateReleaseReferences,
  validateSegmentReferences,
} from '../core/validate-references.ts';
import { validateRelease } from '../core/validate-release.ts';
import { validateSegment } from '../core/validate-segment.ts';
import { validateSettings } from '../core/validate-settings.ts';
import { sameSchemaAndValues, schemaViolations } from './json-schema.ts';
import type { ProjectState } from './project-state.ts';
import { segmentsNamedIn } from './references.ts';

/** What is wrong with an object that a change puts, by itself and by what it refers to in the state that comes of it. */
export function contentViolations(
  before: ProjectState,
  after: ProjectState,
  object: ObjectState,
  limits: Limits,
): Violation[] {
  switch (object.kind) {
    case 'flag':
      return under('flag', flagViolations(before, object.state, limits));
    case 'settings':
      return under('settings', settingsViolations(before, after, object, limits));
    case 'segment': {
      const lookup = lookupIn(after, undefined);
      const found = validateSegment(object.state, limits);
      if (found.length === 0) found.push(...validateSegmentReferences(object.state, lookup, limits));
      return under('segment', found);
    }
    case 'release': {
      const found = validateRelease(object.state, limits);
      if (object.state.state === 'active')
        found.push(...validateReleaseReferences(object.state, lookupIn(after, undefined)));
      return under('release', found);
    }
    case 'project':
      return under('project', textViolations(object.state, limits));
    case 'environment':
      return under('environment', [
        ...textViolations(object.state, limits),
        ...validateRecording(object.state.recording, limits),
      ]);
    case 'key':
      return under('key', textViolations({ ...object.state, description: '' }, limits));
  }
}

/** Values that were held against the same schema before are not held against it again. */
function flagViolations(before: ProjectState, flag: Flag, limits: Limits): Violation[] {
  const found = validateFlag(flag, limits);
  const earlier = before.flags.get(flag.key)?.state;
  if (found.length === 0 && (earlier === undefined || !sameSchemaAndValues(earlier, flag)))
    found.push(...schemaViolations(flag));
  return found;
}

/**
 * A change that only switches (halts, resumes, enables, disables, cancels what was planned) is not held up by
 * anything else about the flag: the kill switch works on a flag that would not be accepted today.
 */
function settingsViolations(
  before: ProjectState,
  after: ProjectState,
  object: Extract<ObjectState, { kind: 'settings' }>,
  limits: Limits,
): Violation[] {
  const { environment, state: settings } = object;
  const flag = after.flags.get(settings.flag)?.state;
  if (flag === undefined) return [{ path: 'flag', message: `there is no flag ${settings.flag}` }];
  const earlier = before.settings.get(environment)?.get(settings.flag)?.state;
  if (earlier !== undefined && onlySwitches(earlier, settings))
    return switchViolations(settings, flag, limits);
  const found = validateSettings(settings, flag, limits);
  if (found.length === 0)
    found.push(...validateFlagReferences(settings, lookupIn(after, environment), limits));
  return found;
}

function onlySwitches(earlier: FlagSettings, settings: FlagSettings): boolean {
  const known = new Set(earlier.scheduledChanges.map(({ id }) => id));
  return (
    settings.scheduledChanges.every(({ id }) => known.has(id)) &&
    besidesSwitches(earlier) === besidesSwitches(settings)
  );
}

function besidesSwitches(settings: FlagSettings): string {
  const switches = { halt: undefined, enabled: undefined, scheduledChanges: undefined, updatedAt: undefined };
  // What is switched has its guards begin anew.
  const rules = settings.rules.map(({ guardState, ...rule }) => rule);
  return canonicalJson({ ...settings, ...switches, rules });
}

function switchViolations(settings: FlagSettings, flag: Flag, limits: Limits): Violation[] {
  const { halt } = settings;
  const bare: FlagSettings = {
    ...{ flag: settings.flag, enabled: settings.enabled, prerequisites: [], targets: [], rules: [] },
    ...{ hash: 'murmur3', scheduledChanges: [] },
    ...(halt !== undefined && { halt }),
  };
  return validateSettings(bare, flag, limits);
}

function lookupIn(state: ProjectState, environment: string | undefined): ReferenceLookup {
  const table = environment === undefined ? undefined : state.settings.get(environment);
  let flagDependents: ReadonlyMap<string, string[]> | undefined;
  let segmentDependents: ReadonlyMap<string, string[]> | undefined;
  return {
    flag: (key) => state.flags.get(key)?.state,
    settings: (key) => table?.get(key)?.state,
    segment: (key) => state.segments.get(key)?.state,
    dependentFlags(key) {
      flagDependents ??= reversed(table?.values() ?? [], ({ state: { flag, prerequisites } }) => [
        flag,
        prerequisites.map((prerequisite) => prerequisite.flag),
      ]);
      return flagDependents.get(key) ?? [];
    },
    dependentSegments(key) {
      segmentDependents ??= reversed(state.segments.values(), ({ state: segment }) => [
        segment.key,
        segment.condition === undefined ? [] : segmentsNamedIn(segment.condition),
      ]);
      return segmentDependents.get(key) ?? [];
    },
  };
}

function reversed<T>(
  items: Iterable<T>,
  entryOf: (item: T) => readonly [key: string, references: Iterable<string>],
): ReadonlyMap<string, string[]> {
  const dependents = new Map<string, string[]>();
  for (const item of items) {
    const [key, references] = entryOf(item);
    for (const reference of references) {
      const known = dependents.get(reference);
      if (known === undefined) dependents.set(reference, [key]);
      else known.push(key);
    }
  }
  return dependents;
}

function textViolations(
  texts: { readonly name: string; readonly description: string },
  limits: Limits,
): Violation[] {
  const fields = [
    ['display_name', texts.name],
    ['description', texts.description],
  ] as const;
  return fields.flatMap(([path, text]) => {
    if (text.length > limits.stringLength)
      return [{ path, message: `must be at most ${limits.stringLength} characters`, limit: 'stringLength' }];
    return !text.isWellFormed() || text.includes('\0') ? [{ path, message: 'must be well-formed text' }] : [];
  });
}

function under(prefix: string, violations: readonly Violation[]): Violation[] {
  return violations.map((violation) => ({ ...violation, path: `${prefix}.${violation.path}` }));
}

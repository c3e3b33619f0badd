import { attributeReader } from './attribute.ts';
import type { CompiledFlag } from './compile-flag.ts';
import type { CompiledSegment } from './compile-segment.ts';
import type { Release } from './model.ts';
import type { Closure } from './probe.ts';

/**
 * Everything that evaluations in one environment read, compiled, at one revision. Immutable: a change makes a new
 * one that shares what did not change. A flag refers to segments and other flags by key and finds them here.
 */
export interface Snapshot {
  readonly project: string;
  readonly environment: string;
  readonly revision: number;
  /** Archived flags are not in it. */
  readonly flags: ReadonlyMap<string, CompiledFlag>;
  /** Archived segments are not in it. */
  readonly segments: ReadonlyMap<string, CompiledSegment>;
  /** Active releases only. */
  readonly releases: ReadonlyMap<string, CompiledRelease>;
  /** The keys of flags that an active release sets. */
  readonly releasedFlags: ReadonlySet<string>;
  /** All flags in code point order of their keys. */
  sortedFlags(): readonly CompiledFlag[];
  /** The active release that a context runs, by its `device.releaseId`. */
  readonly releaseOf: Closure<CompiledRelease | undefined>;
}

export interface CompiledRelease {
  readonly definition: Release;
  readonly version: number;
  /** Flag key to variation, without the flags that were rolled back. */
  readonly variations: ReadonlyMap<string, string>;
}

export interface SnapshotParts {
  readonly project: string;
  readonly environment: string;
  readonly revision: number;
  readonly flags: Iterable<CompiledFlag>;
  readonly segments: Iterable<CompiledSegment>;
  readonly releases: Iterable<CompiledRelease>;
}

/** What one kind of object goes through between two snapshots. Deletes come first. */
export interface Changes<T> {
  readonly upserts?: Iterable<T>;
  readonly deletes?: Iterable<string>;
}

export interface SnapshotChange {
  readonly revision: number;
  readonly flags?: Changes<CompiledFlag>;
  readonly segments?: Changes<CompiledSegment>;
  readonly releases?: Changes<CompiledRelease>;
}

/** A snapshot of these parts; archived flags, archived segments and inactive releases among them are left out. */
export function buildSnapshot(parts: SnapshotParts): Snapshot {
  const empty = assemble(parts.project, parts.environment, 0, new Map(), new Map(), new Map());
  return updateSnapshot(empty, {
    revision: parts.revision,
    flags: { upserts: parts.flags },
    segments: { upserts: parts.segments },
    releases: { upserts: parts.releases },
  });
}

/** The snapshot after a change; the previous one stays as it is. An upsert of something archived or inactive deletes it. */
export function updateSnapshot(previous: Snapshot, change: SnapshotChange): Snapshot {
  return assemble(
    previous.project,
    previous.environment,
    change.revision,
    changed(previous.flags, change.flags, keyOf, ({ flag }) => flag.status !== 'archived'),
    changed(previous.segments, change.segments, keyOf, ({ segment }) => !segment.archived),
    changed(
      previous.releases,
      change.releases,
      ({ definition }) => definition.key,
      ({ definition }) => definition.state === 'active',
    ),
  );
}

/** A release, ready to be looked up. */
export function compileRelease(definition: Release, version: number): CompiledRelease {
  const rolledBack = new Set(definition.rolledBackFlags);
  const kept = definition.flags.filter(({ flag }) => !rolledBack.has(flag));
  return { definition, version, variations: new Map(kept.map(({ flag, variation }) => [flag, variation])) };
}

/**
 * The flags whose answers may change with these flags and segments: the changed flags themselves, and all that
 * depend on a changed flag or segment, directly or not.
 */
export function affectedFlags(
  snapshot: Snapshot,
  changedFlags: Iterable<string>,
  changedSegments: Iterable<string> = [],
): ReadonlySet<string> {
  const segments = closure(changedSegments, snapshot.segments.values(), ({ references }) => references);
  const flags = new Set(changedFlags);
  if (segments.size > 0) {
    for (const { key, references } of snapshot.flags.values()) {
      if (references.segments.some((segment) => segments.has(segment))) flags.add(key);
    }
  }
  return closure(flags, snapshot.flags.values(), ({ references }) => references.flags);
}

function assemble(
  project: string,
  environment: string,
  revision: number,
  flags: Snapshot['flags'],
  segments: Snapshot['segments'],
  releases: Snapshot['releases'],
): Snapshot {
  let sorted: readonly CompiledFlag[] | undefined;
  return {
    ...{ project, environment, revision, flags, segments, releases },
    releasedFlags: new Set([...releases.values()].flatMap(({ variations }) => [...variations.keys()])),
    sortedFlags: () => {
      sorted ??= [...flags.values()].sort((a, b) => (a.key < b.key ? -1 : 1));
      return sorted;
    },
    releaseOf: (evaluation) => {
      const id = readReleaseId(evaluation);
      return typeof id === 'string' ? releases.get(id) : undefined;
    },
  };
}

const readReleaseId = attributeReader('device.releaseId');

function changed<T>(
  previous: ReadonlyMap<string, T>,
  changes: Changes<T> | undefined,
  keyOf: (part: T) => string,
  isKept: (part: T) => boolean,
): ReadonlyMap<string, T> {
  if (changes === undefined || (isNone(changes.deletes) && isNone(changes.upserts))) return previous;
  const parts = new Map(previous);
  for (const key of changes.deletes ?? []) parts.delete(key);
  for (const part of changes.upserts ?? []) {
    if (isKept(part)) parts.set(keyOf(part), part);
    else parts.delete(keyOf(part));
  }
  return parts;
}

function isNone(list: Iterable<unknown> | undefined): boolean {
  return list === undefined || (Array.isArray(list) && list.length === 0);
}

/** The seeds and every part that refers to one of them, directly or not. */
function closure<T extends { readonly key: string }>(
  seeds: Iterable<string>,
  parts: Iterable<T>,
  referencesOf: (part: T) => readonly string[],
): ReadonlySet<string> {
  const found = new Set(seeds);
  if (found.size === 0) return found;
  const dependents = new Map<string, string[]>();
  for (const part of parts) {
    for (const reference of referencesOf(part)) {
      const known = dependents.get(reference);
      if (known === undefined) dependents.set(reference, [part.key]);
      else known.push(part.key);
    }
  }
  // A set that grows while it is walked is walked to its new end.
  for (const key of found) for (const dependent of dependents.get(key) ?? []) found.add(dependent);
  return found;
}

function keyOf(part: { readonly key: string }): string {
  return part.key;
}

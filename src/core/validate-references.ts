import { type Report, violationsOf } from './checks.ts';
import { segmentsOf } from './condition.ts';
import type { Violation } from './errors.ts';
import type { Limits } from './limits.ts';
import type { Flag, FlagSettings, Release, Segment } from './model.ts';

/** The state that references are checked in: the one that the change leads to, in one environment. */
export interface ReferenceLookup {
  flag(key: string): Flag | undefined;
  settings(flagKey: string): FlagSettings | undefined;
  segment(key: string): Segment | undefined;
  /** Keys of flags that have this one as a prerequisite. */
  dependentFlags(key: string): Iterable<string>;
  /** Keys of segments whose condition names this one. */
  dependentSegments(key: string): Iterable<string>;
}

/**
 * What is wrong with what a flag's settings refer to: prerequisites and segments exist and are not archived, the
 * variations exist, nothing depends on itself, and no chain through this flag is too long.
 */
export function validateFlagReferences(
  settings: FlagSettings,
  lookup: ReferenceLookup,
  limits: Limits,
): Violation[] {
  return violationsOf((report) => {
    for (const [index, { flag, variations }] of settings.prerequisites.entries()) {
      checkFlag(flag, variations, `prerequisites[${index}]`, lookup, report);
    }
    for (const [index, { condition }] of settings.rules.entries()) {
      checkSegments(segmentsOf(condition), `rules[${index}].condition`, lookup, report);
    }
    const prerequisitesOf = (key: string) =>
      (key === settings.flag ? settings : lookup.settings(key))?.prerequisites.map(({ flag }) => flag) ?? [];
    checkChains(settings.flag, 'prerequisites', {
      ...{ below: prerequisitesOf, above: (key) => lookup.dependentFlags(key) },
      ...{ limit: 'prerequisiteDepth', limits, report },
    });
  });
}

/** What is wrong with what a segment refers to; as for flags. */
export function validateSegmentReferences(
  segment: Segment,
  lookup: ReferenceLookup,
  limits: Limits,
): Violation[] {
  return violationsOf((report) => {
    checkSegments(segmentsOf(segment.condition), 'condition', lookup, report);
    const referencesOf = (key: string) =>
      segmentsOf((key === segment.key ? segment : lookup.segment(key))?.condition);
    checkChains(segment.key, 'condition', {
      ...{ below: referencesOf, above: (key) => lookup.dependentSegments(key) },
      ...{ limit: 'segmentDepth', limits, report },
    });
  });
}

/** What is wrong with the flags and variations that a release sets. */
export function validateReleaseReferences(
  release: Release,
  lookup: Pick<ReferenceLookup, 'flag'>,
): Violation[] {
  return violationsOf((report) => {
    for (const { flag, variation } of release.flags)
      checkFlag(flag, [variation], `flags[${flag}]`, lookup, report);
  });
}

function checkFlag(
  key: string,
  variations: readonly string[],
  path: string,
  lookup: Pick<ReferenceLookup, 'flag'>,
  report: Report,
): void {
  const flag = lookup.flag(key);
  if (flag === undefined) report(path, `there is no flag ${JSON.stringify(key)}`);
  else if (flag.status === 'archived') report(path, `flag ${key} is archived`);
  const known = flag?.variations.map((variation) => variation.key) ?? variations;
  for (const variation of variations) {
    if (!known.includes(variation)) report(path, `flag ${key} has no variation ${JSON.stringify(variation)}`);
  }
}

function checkSegments(keys: readonly string[], path: string, lookup: ReferenceLookup, report: Report): void {
  for (const key of new Set(keys)) {
    const segment = lookup.segment(key);
    if (segment === undefined) report(path, `there is no segment ${JSON.stringify(key)}`);
    else if (segment.archived) report(path, `segment ${key} is archived`);
  }
}

interface Chains {
  below(key: string): Iterable<string>;
  above(key: string): Iterable<string>;
  readonly limit: 'prerequisiteDepth' | 'segmentDepth';
  readonly limits: Limits;
  readonly report: Report;
}

/** A chain through the key is what is above it, the key and what is below it. */
function checkChains(key: string, path: string, { below, above, limit, limits, report }: Chains): void {
  const down = longestChain(key, below);
  if (down.cycle !== undefined) {
    report(path, `goes round in a circle: ${down.cycle.join(' → ')}`);
    return;
  }
  const depth = down.length + longestChain(key, above).length;
  if (depth > limits[limit]) {
    report(path, `makes a chain of ${depth} below the first, and ${limits[limit]} are allowed`, limit);
  }
}

interface Chain {
  /** How many follow the first. */
  readonly length: number;
  readonly cycle?: readonly string[];
}

/** Visits every key once, without recursion, so that no graph is too large or too deep for it. */
function longestChain(start: string, next: (key: string) => Iterable<string>): Chain {
  const lengths = new Map<string, number>();
  const open = new Map<string, Iterator<string>>([[start, next(start)[Symbol.iterator]()]]);
  const path = [start];
  for (let key = path.at(-1); key !== undefined; key = path.at(-1)) {
    const follower = open.get(key)?.next();
    if (follower === undefined || follower.done) {
      path.pop();
      open.delete(key);
      lengths.set(key, lengths.get(key) ?? 0);
      raise(lengths, path.at(-1), (lengths.get(key) ?? 0) + 1);
    } else if (open.has(follower.value)) {
      return { length: 0, cycle: [...path.slice(path.indexOf(follower.value)), follower.value] };
    } else if (lengths.has(follower.value)) {
      raise(lengths, key, (lengths.get(follower.value) ?? 0) + 1);
    } else {
      path.push(follower.value);
      open.set(follower.value, next(follower.value)[Symbol.iterator]());
    }
  }
  return { length: lengths.get(start) ?? 0 };
}

function raise(lengths: Map<string, number>, key: string | undefined, length: number): void {
  if (key !== undefined && length > (lengths.get(key) ?? 0)) lengths.set(key, length);
}

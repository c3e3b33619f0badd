import type { CompiledFlag } from '../core/compile-flag.ts';
import type { CompiledSegment } from '../core/compile-segment.ts';
import type { CompiledRelease, Snapshot } from '../core/snapshot.ts';
import type { Touched } from './touched.ts';
import { type Content, NO_CONTENT } from './watch-events.ts';
import { sizeOfDefinition } from './watch-size.ts';
import { inParts, type View, type Whole } from './watch-view.ts';

/** The definitions of a whole environment. What a step sends depends on nothing but the step, so it is shared. */
export class DefinitionsView implements View {
  changesAt = Number.POSITIVE_INFINITY;

  full(snapshot: Snapshot, nowMs: number) {
    this.changesAt = nextStep(snapshot, nowMs);
    return wholeOf(snapshot);
  }

  resume(snapshot: Snapshot, seenAtMs: number, _touched: Touched): boolean {
    this.changesAt = nextStep(snapshot, seenAtMs);
    return true;
  }

  step(snapshot: Snapshot, nowMs: number, touched: Touched): Content {
    const passed = nowMs >= this.changesAt ? flagsWithStep(snapshot, this.changesAt, nowMs) : [];
    this.changesAt = nextStep(snapshot, nowMs);
    return passed.length === 0
      ? stepTo(snapshot, touched)
      : contentOf(snapshot, new Set([...touched.flags, ...passed]), touched);
  }
}

const wholes = new WeakMap<Snapshot, Whole>();

/** Worked out once for all watchers that come while the snapshot stands. */
function wholeOf(snapshot: Snapshot): Whole {
  let whole = wholes.get(snapshot);
  if (whole === undefined) {
    const { flags, segments, releases } = snapshot;
    const parts = partsOf([...flags.values()], [...segments.values()], [...releases.values()]);
    whole = { parts, lines: linesOf(flags, segments, releases) };
    wholes.set(snapshot, whole);
  }
  return whole;
}

const steps = new WeakMap<Touched, WeakMap<Snapshot, Content>>();

/** One object for all watchers that take the same step, so that it can be encoded once. */
function stepTo(snapshot: Snapshot, touched: Touched): Content {
  const known = steps.get(touched) ?? new WeakMap<Snapshot, Content>();
  steps.set(touched, known);
  const content = known.get(snapshot) ?? contentOf(snapshot, touched.flags, touched);
  known.set(snapshot, content);
  return content;
}

/** The definitions of some flags, and of all that these depend on. */
export class FilteredDefinitionsView implements View {
  changesAt = Number.POSITIVE_INFINITY;
  readonly #flagKeys: readonly string[];
  #known: Closure = { flags: new Map(), segments: new Map() };

  constructor(flagKeys: readonly string[]) {
    this.#flagKeys = flagKeys;
  }

  full(snapshot: Snapshot, nowMs: number) {
    this.#known = closureOf(snapshot, this.#flagKeys);
    this.changesAt = nextStep(snapshot, nowMs, this.#known.flags);
    const { flags, segments } = this.#known;
    const { releases } = snapshot;
    return {
      parts: partsOf([...flags.values()], [...segments.values()], [...releases.values()]),
      lines: linesOf(flags, segments, releases),
    };
  }

  /** What the flags depended on before is not known here, so a watch resumes only if none of it was touched. */
  resume(snapshot: Snapshot, seenAtMs: number, touched: Touched): boolean {
    this.#known = closureOf(snapshot, this.#flagKeys);
    this.changesAt = nextStep(snapshot, seenAtMs, this.#known.flags);
    const named = new Set(this.#flagKeys);
    const concerns = (keys: ReadonlySet<string>, known: ReadonlyMap<string, unknown>) =>
      [...keys].some((key) => known.has(key) || named.has(key));
    return (
      !concerns(touched.flags, this.#known.flags) &&
      !concerns(touched.segments, this.#known.segments) &&
      touched.releases.size === 0
    );
  }

  step(snapshot: Snapshot, nowMs: number, touched: Touched): Content {
    const before = this.#known;
    const after = closureOf(snapshot, this.#flagKeys);
    const passed = new Set(
      nowMs >= this.changesAt ? flagsWithStep(snapshot, this.changesAt, nowMs, after.flags) : [],
    );
    this.#known = after;
    this.changesAt = nextStep(snapshot, nowMs, after.flags);
    return {
      ...contentOf(snapshot, new Set(), { ...touched, segments: new Set() }),
      flags: [...after.flags.values()].filter(
        (flag) => before.flags.get(flag.key) !== flag || passed.has(flag.key),
      ),
      segments: [...after.segments.values()].filter(
        (segment) => before.segments.get(segment.key) !== segment,
      ),
      deletedFlags: [...before.flags.keys()].filter((key) => !after.flags.has(key)),
      deletedSegments: [...before.segments.keys()].filter((key) => !after.segments.has(key)),
    };
  }
}

interface Closure {
  readonly flags: ReadonlyMap<string, CompiledFlag>;
  readonly segments: ReadonlyMap<string, CompiledSegment>;
}

/** These flags, their prerequisites and the segments of both, all the way down. */
function closureOf(snapshot: Snapshot, flagKeys: readonly string[]): Closure {
  const flags = new Map<string, CompiledFlag>();
  const segments = new Map<string, CompiledSegment>();
  const openFlags = [...flagKeys];
  const openSegments: string[] = [];
  for (let key = openFlags.pop(); key !== undefined; key = openFlags.pop()) {
    const flag = snapshot.flags.get(key);
    if (flag === undefined || flags.has(key)) continue;
    flags.set(key, flag);
    openFlags.push(...flag.references.flags);
    openSegments.push(...flag.references.segments);
  }
  for (let key = openSegments.pop(); key !== undefined; key = openSegments.pop()) {
    const segment = snapshot.segments.get(key);
    if (segment === undefined || segments.has(key)) continue;
    segments.set(key, segment);
    openSegments.push(...segment.references);
  }
  return { flags, segments };
}

function contentOf(snapshot: Snapshot, flagKeys: ReadonlySet<string>, touched: Touched): Content {
  const split = <T>(keys: ReadonlySet<string>, map: ReadonlyMap<string, T>) => {
    const present: T[] = [];
    const deleted: string[] = [];
    for (const key of keys) {
      const value = map.get(key);
      if (value === undefined) deleted.push(key);
      else present.push(value);
    }
    return { present, deleted };
  };
  const flags = split(flagKeys, snapshot.flags);
  const segments = split(touched.segments, snapshot.segments);
  const releases = split(touched.releases, snapshot.releases);
  return {
    flags: flags.present,
    segments: segments.present,
    releases: releases.present,
    decisions: [],
    deletedFlags: flags.deleted,
    deletedSegments: segments.deleted,
    deletedReleases: releases.deleted,
  };
}

function partsOf(
  flags: readonly CompiledFlag[],
  segments: readonly CompiledSegment[],
  releases: readonly CompiledRelease[],
): Content[] {
  return [
    ...inParts(
      segments,
      ({ segment }) => sizeOfDefinition(segment),
      (part) => ({ ...NO_CONTENT, segments: part }),
    ),
    ...inParts(
      flags,
      (flag) => sizeOfDefinition(flag.flag) + sizeOfDefinition(flag.settings),
      (part) => ({ ...NO_CONTENT, flags: part }),
    ),
    ...inParts(
      releases,
      ({ definition }) => sizeOfDefinition(definition),
      (part) => ({ ...NO_CONTENT, releases: part }),
    ),
  ];
}

function linesOf(
  flags: ReadonlyMap<string, CompiledFlag>,
  segments: ReadonlyMap<string, CompiledSegment>,
  releases: ReadonlyMap<string, CompiledRelease>,
): string[] {
  return [
    ...[...flags].map(([key, { version }]) => `flag ${key} ${version}`),
    ...[...segments].map(([key, { version }]) => `segment ${key} ${version}`),
    ...[...releases].map(([key, { version }]) => `release ${key} ${version}`),
  ];
}

interface Step {
  readonly at: number;
  readonly flag: string;
}

const stepsBySnapshot = new WeakMap<Snapshot, readonly Step[]>();

/** Every ramp step of an environment, by time; worked out once per snapshot. */
function stepsOf(snapshot: Snapshot): readonly Step[] {
  let steps = stepsBySnapshot.get(snapshot);
  if (steps === undefined) {
    const found: Step[] = [];
    for (const flag of snapshot.flags.values())
      for (const at of flag.changeTimes) found.push({ at, flag: flag.key });
    steps = found.sort((a, b) => a.at - b.at);
    stepsBySnapshot.set(snapshot, steps);
  }
  return steps;
}

function nextStep(snapshot: Snapshot, afterMs: number, among?: ReadonlyMap<string, unknown>): number {
  const next = stepsOf(snapshot).find(
    (step) => step.at > afterMs && (among === undefined || among.has(step.flag)),
  );
  return next?.at ?? Number.POSITIVE_INFINITY;
}

function flagsWithStep(
  snapshot: Snapshot,
  fromMs: number,
  toMs: number,
  among?: ReadonlyMap<string, unknown>,
): string[] {
  return stepsOf(snapshot)
    .filter((step) => step.at >= fromMs && step.at <= toMs && (among === undefined || among.has(step.flag)))
    .map((step) => step.flag);
}

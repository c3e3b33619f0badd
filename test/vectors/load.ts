import { readFileSync } from 'node:fs';
import { type CompiledFlag, compileFlag } from '../../src/core/compile-flag.ts';
import { compileSegment } from '../../src/core/compile-segment.ts';
import {
  type Flag,
  type FlagSettings,
  initialSettings,
  type JsonObject,
  type Release,
  type Rule,
  type Segment,
} from '../../src/core/model.ts';
import type { Outcome } from '../../src/core/outcome.ts';
import { buildSnapshot, compileRelease, type Snapshot } from '../../src/core/snapshot.ts';

/** The parsed content of a file of vectors; the caller knows its shape from the README. */
export function loadVectors<T>(file: string): T {
  return JSON.parse(readFileSync(new URL(file, import.meta.url), 'utf8'));
}

export type FlagVector = Partial<Flag> & {
  readonly key: string;
  readonly settings?: Partial<Omit<FlagSettings, 'rules'>> & { readonly rules?: readonly Partial<Rule>[] };
};

export interface Scenario {
  readonly name: string;
  readonly flags: readonly FlagVector[];
  readonly segments?: readonly (Partial<Segment> & { readonly key: string })[];
  readonly releases?: readonly (Partial<Release> & { readonly key: string })[];
  readonly cases: readonly ScenarioCase[];
}

export interface ScenarioCase {
  readonly flag?: string;
  readonly context?: { readonly targetingKey?: string; readonly attributes?: JsonObject };
  readonly now?: string;
  /** Null stands for undefined. */
  readonly expect: { readonly [Field in keyof Outcome]?: Outcome[Field] | null };
  readonly changesAt?: string | null;
}

const DATES = { createdAt: '2026-01-01T00:00:00.000Z', updatedAt: '2026-01-01T00:00:00.000Z' };

export function completeFlag({ settings: _settings, ...given }: FlagVector): Flag {
  return {
    ...{ name: '', description: '', tags: [], owner: '', type: 'boolean', defaultVariation: 'off' },
    variations: [
      { key: 'on', value: true },
      { key: 'off', value: false },
    ],
    ...{ status: 'active', clientVisible: false, temporary: false },
    ...DATES,
    ...given,
  };
}

export function completeSettings({ key, settings = {} }: FlagVector): FlagSettings {
  const { rules = [], ...given } = settings;
  return { ...initialSettings(key), enabled: true, ...given, rules: rules.map(completeRule) };
}

function completeRule(given: Partial<Rule>, index: number): Rule {
  return {
    ...{ id: `r${index}`, name: '', priority: index, recordExposures: true },
    serve: { kind: 'variation', variation: 'on' },
    ...given,
  };
}

export function completeSegment(given: Partial<Segment> & { readonly key: string }): Segment {
  return { name: '', description: '', included: [], excluded: [], archived: false, ...DATES, ...given };
}

export function completeRelease(given: Partial<Release> & { readonly key: string }): Release {
  return {
    ...{ branch: 'main', runtimeVersion: '', rolloutWeight: 100_000, state: 'active' },
    ...{ flags: [], rolledBackFlags: [] },
    ...DATES,
    ...given,
  };
}

/** A flag as an environment of a scenario holds it. Its version is 1. */
export function compileVector(flag: FlagVector): CompiledFlag {
  return compileFlag(completeFlag(flag), completeSettings(flag), 1);
}

/** The environment of a scenario. */
export function snapshotOf({
  flags,
  segments = [],
  releases = [],
}: Omit<Scenario, 'name' | 'cases'>): Snapshot {
  return buildSnapshot({
    ...{ project: 'shop', environment: 'production', revision: 1 },
    flags: flags.map(compileVector),
    segments: segments.map((segment) => compileSegment(completeSegment(segment), 1)),
    releases: releases.map((release) => compileRelease(completeRelease(release), 1)),
  });
}

import { describe, expect, it } from 'vitest';
import { DEFAULT_LIMITS } from '../../src/core/limits.ts';
import type { Condition } from '../../src/core/model.ts';
import {
  type ReferenceLookup,
  validateFlagReferences,
  validateReleaseReferences,
  validateSegmentReferences,
} from '../../src/core/validate-references.ts';
import {
  completeFlag,
  completeRelease,
  completeSegment,
  completeSettings,
  type FlagVector,
} from '../vectors/load.ts';

type Graph = Readonly<Record<string, readonly string[]>>;

function inAny(segments: readonly string[]): Condition {
  return { kind: 'not', condition: { kind: 'segment', segments, negate: false } };
}

function dependents(graph: Graph, key: string): string[] {
  return Object.keys(graph).filter((other) => graph[other]?.includes(key));
}

/** A state in which flags need flags and segments name segments as the graphs say. */
function lookupOf(flags: Graph, segments: Graph = {}, archived: readonly string[] = []): ReferenceLookup {
  return {
    flag: (key) =>
      flags[key] && completeFlag({ key, status: archived.includes(key) ? 'archived' : 'active' }),
    settings: (key) => flags[key] && settingsOf(key, flags[key]),
    segment: (key) => segments[key] && segmentOf(key, segments[key], archived),
    dependentFlags: (key) => dependents(flags, key),
    dependentSegments: (key) => dependents(segments, key),
  };
}

function settingsOf(key: string, needs: readonly string[], rest: FlagVector['settings'] = {}) {
  const prerequisites = needs.map((flag) => ({ flag, variations: ['on'] }));
  return completeSettings({ key, settings: { prerequisites, ...rest } });
}

function segmentOf(key: string, names: readonly string[], archived: readonly string[] = []) {
  const condition = names.length === 0 ? {} : { condition: inAny(names) };
  return completeSegment({ key, archived: archived.includes(key), ...condition });
}

const LIMITS = { ...DEFAULT_LIMITS, prerequisiteDepth: 3, segmentDepth: 2 };

describe('the references of a flag', () => {
  it('are accepted when all is there', () => {
    const lookup = lookupOf({ a: [], b: ['c'], c: [] }, { s: [] });
    const settings = settingsOf('a', ['b', 'c'], { rules: [{ condition: inAny(['s']) }] });
    expect(validateFlagReferences(settings, lookup, LIMITS)).toEqual([]);
  });

  it('name what is missing, archived or has no such variation', () => {
    const lookup = lookupOf({ a: [], gone: [], b: [] }, { old: [] }, ['gone', 'old']);
    const prerequisites = [
      { flag: 'nobody', variations: ['on'] },
      { flag: 'gone', variations: ['on'] },
      { flag: 'b', variations: ['on', 'purple'] },
    ];
    const settings = settingsOf('a', [], {
      prerequisites,
      rules: [{}, { condition: inAny(['old', 'none']) }],
    });
    expect(validateFlagReferences(settings, lookup, LIMITS)).toEqual([
      { path: 'prerequisites[0]', message: 'there is no flag "nobody"' },
      { path: 'prerequisites[1]', message: 'flag gone is archived' },
      { path: 'prerequisites[2]', message: 'flag b has no variation "purple"' },
      { path: 'rules[1].condition', message: 'segment old is archived' },
      { path: 'rules[1].condition', message: 'there is no segment "none"' },
    ]);
  });

  it('do not go round in a circle, which is named', () => {
    const lookup = lookupOf({ a: [], b: ['c'], c: ['a'], d: [] });
    expect(validateFlagReferences(settingsOf('a', ['d', 'b']), lookup, LIMITS)).toEqual([
      { path: 'prerequisites', message: 'goes round in a circle: a → b → c → a' },
    ]);
  });

  it('make no chain that is too long, above and below the flag', () => {
    const lookup = lookupOf({ top: ['a'], a: [], b: ['c'], c: [], d: [] });
    expect(validateFlagReferences(settingsOf('a', ['b', 'd']), lookup, LIMITS)).toEqual([]);
    const longer = lookupOf({ top: ['a'], a: [], b: ['c'], c: ['d'], d: [] });
    expect(validateFlagReferences(settingsOf('a', ['b']), longer, LIMITS)).toMatchObject([
      { path: 'prerequisites', limit: 'prerequisiteDepth' },
    ]);
  });

  it('count the longest of several chains to the same flag', () => {
    const lookup = lookupOf({ a: [], b: ['d'], c: ['b'], d: [] });
    const violations = validateFlagReferences(settingsOf('a', ['b', 'c']), lookup, {
      ...LIMITS,
      prerequisiteDepth: 2,
    });
    expect(violations).toMatchObject([{ limit: 'prerequisiteDepth' }]);
  });

  it('are checked in linear time and without recursion', () => {
    const keys = Array.from({ length: 3000 }, (_, index) => `f${index}`);
    const chain = Object.fromEntries(keys.map((key, index) => [key, keys.slice(index + 1, index + 20)]));
    const lookup = { ...lookupOf(chain), dependentFlags: () => [] };
    expect(validateFlagReferences(settingsOf('f0', chain.f0 ?? []), lookup, LIMITS)).toMatchObject([
      { limit: 'prerequisiteDepth', message: 'makes a chain of 2999 below the first, and 3 are allowed' },
    ]);
  });
});

describe('the references of a segment', () => {
  it('are accepted when all is there', () => {
    expect(validateSegmentReferences(segmentOf('s', ['t']), lookupOf({}, { s: [], t: [] }), LIMITS)).toEqual(
      [],
    );
  });

  it('neither miss, nor go round in a circle, nor make too long a chain', () => {
    const lookup = lookupOf({}, { s: [], t: ['u'], u: ['s'] });
    expect(validateSegmentReferences(segmentOf('u', ['none']), lookup, LIMITS)).toMatchObject([
      { path: 'condition', message: 'there is no segment "none"' },
    ]);
    expect(validateSegmentReferences(segmentOf('s', ['t']), lookup, LIMITS)).toEqual([
      { path: 'condition', message: 'goes round in a circle: s → t → u → s' },
    ]);
    const long = lookupOf({}, { r: ['s'], s: [], t: ['u'], u: [] });
    expect(validateSegmentReferences(segmentOf('s', ['t']), long, LIMITS)).toMatchObject([
      { limit: 'segmentDepth' },
    ]);
  });
});

describe('the references of a release', () => {
  it('are flags that are there, with variations that they have', () => {
    const flags = ['a', 'none'].flatMap((flag) => ['on', 'purple'].map((variation) => ({ flag, variation })));
    expect(validateReleaseReferences(completeRelease({ key: 'r', flags }), lookupOf({ a: [] }))).toEqual([
      { path: 'flags[a]', message: 'flag a has no variation "purple"' },
      { path: 'flags[none]', message: 'there is no flag "none"' },
      { path: 'flags[none]', message: 'there is no flag "none"' },
    ]);
  });
});

import { describe, expect, it } from 'vitest';
import { compileFlag } from '../../src/core/compile-flag.ts';
import { compileSegment } from '../../src/core/compile-segment.ts';
import { EMPTY_CONTEXT } from '../../src/core/context.ts';
import { Evaluation } from '../../src/core/evaluation.ts';
import type { Condition } from '../../src/core/model.ts';
import { affectedFlags, compileRelease, updateSnapshot } from '../../src/core/snapshot.ts';
import {
  compileVector,
  completeFlag,
  completeRelease,
  completeSegment,
  completeSettings,
  snapshotOf,
} from '../vectors/load.ts';

const IN_S: Condition = { kind: 'segment', segments: ['s'], negate: false };

describe('a snapshot', () => {
  it('shares what a change does not touch, and leaves the one before as it was', () => {
    const before = snapshotOf({ flags: [{ key: 'a' }, { key: 'b' }], segments: [{ key: 's' }] });
    const after = updateSnapshot(before, {
      revision: 2,
      flags: { upserts: [compileVector({ key: 'a', settings: { rules: [{}] } })], deletes: ['b'] },
    });
    expect(after.segments).toBe(before.segments);
    expect([...after.flags.keys()]).toEqual(['a']);
    expect([...before.flags.keys()]).toEqual(['a', 'b']);
    expect(after.revision).toBe(2);
    expect(new Evaluation(before, EMPTY_CONTEXT, 0).flag('a').reason).toBe('DEFAULT');
    expect(new Evaluation(after, EMPTY_CONTEXT, 0).flag('a').reason).toBe('TARGETING_MATCH');
  });

  it('loses what is archived or no longer active', () => {
    const before = snapshotOf({
      flags: [{ key: 'a' }],
      segments: [{ key: 's' }],
      releases: [{ key: 'r', flags: [{ flag: 'a', variation: 'on' }] }],
    });
    expect([...before.releasedFlags]).toEqual(['a']);
    const after = updateSnapshot(before, {
      revision: 2,
      flags: { upserts: [compileVector({ key: 'a', status: 'archived' })] },
      segments: { upserts: [compileSegment(completeSegment({ key: 's', archived: true }), 2)] },
      releases: { upserts: [compileRelease(completeRelease({ key: 'r', state: 'rolled_back' }), 2)] },
    });
    expect([after.flags.size, after.segments.size, after.releases.size, after.releasedFlags.size]).toEqual([
      0, 0, 0, 0,
    ]);
  });

  it('makes a change of a segment felt in every flag that asks it, without compiling the flag again', () => {
    const before = snapshotOf({
      flags: [{ key: 'a', settings: { rules: [{ condition: IN_S }] } }],
      segments: [{ key: 's' }],
    });
    const segment = completeSegment({ key: 's', condition: { kind: 'all', conditions: [] } });
    const after = updateSnapshot(before, {
      revision: 2,
      segments: { upserts: [compileSegment(segment, 2)] },
    });
    expect(after.flags).toBe(before.flags);
    expect(new Evaluation(before, EMPTY_CONTEXT, 0).flag('a').reason).toBe('DEFAULT');
    expect(new Evaluation(after, EMPTY_CONTEXT, 0).flag('a').reason).toBe('SEGMENT_MATCH');
  });

  it('knows which flags a change affects, through flags and segments', () => {
    const needs = (flag: string) => ({ prerequisites: [{ flag, variations: ['on'] }] });
    const snapshot = snapshotOf({
      flags: [
        {
          key: 'a',
          settings: { rules: [{ condition: { kind: 'segment', segments: ['outer'], negate: true } }] },
        },
        { key: 'b', settings: needs('a') },
        { key: 'c', settings: needs('b') },
        { key: 'd' },
        { key: 'e', settings: needs('b') },
      ],
      segments: [{ key: 'outer', condition: IN_S }, { key: 's' }, { key: 'other' }],
    });
    expect([...affectedFlags(snapshot, [], ['s'])].toSorted()).toEqual(['a', 'b', 'c', 'e']);
    expect([...affectedFlags(snapshot, ['b'])].toSorted()).toEqual(['b', 'c', 'e']);
    expect([...affectedFlags(snapshot, ['d'], ['other'])]).toEqual(['d']);
    expect([...affectedFlags(snapshot, ['unknown'])]).toEqual(['unknown']);
  });
});

describe('a compiled flag', () => {
  it('says when its ramps change and what it refers to', () => {
    const at = (day: number) => `2026-03-0${day}T00:00:00.000Z`;
    const compiled = compileVector({
      key: 'a',
      settings: {
        prerequisites: [{ flag: 'b', variations: ['on'] }],
        rules: [
          {
            condition: IN_S,
            ramp: { kind: 'steps', steps: [3, 4].map((day) => ({ startsAt: at(day), weight: 1 })) },
          },
          { ramp: { kind: 'linear', startsAt: at(1), endsAt: at(4), fromWeight: 0, toWeight: 5 } },
          { condition: { kind: 'not', condition: IN_S } },
        ],
      },
    });
    expect(compiled.changeTimes).toEqual([1, 3, 4].map((day) => Date.parse(at(day))));
    expect(compiled.references).toEqual({ flags: ['b'], segments: ['s'] });
    expect(compiled.problem).toBeUndefined();
  });

  it('is made of anything at all', () => {
    const [flag, settings] = [
      completeFlag({ key: 'a' }),
      completeSettings({ key: 'a', settings: { rules: [{}] } }),
    ];
    for (const part of [undefined, null, 5, 'x', {}, [[]]]) {
      for (const name of Object.keys(settings)) {
        if (name !== 'flag') compileFlag(flag, { ...settings, [name]: part }, 1);
      }
      const odd = compileFlag({ ...flag, variations: part as never }, settings, 1);
      const snapshot = updateSnapshot(snapshotOf({ flags: [] }), { revision: 1, flags: { upserts: [odd] } });
      expect(new Evaluation(snapshot, EMPTY_CONTEXT, 0).flag('a')).toMatchObject({
        ...{ reason: 'ERROR', errorCode: 'PARSE_ERROR' },
        ...{ value: undefined, variation: '' },
      });
    }
  });
});

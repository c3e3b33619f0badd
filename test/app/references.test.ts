import { expect, test } from 'vitest';
import { applyOperations, emptyState } from '../../src/app/project-state.ts';
import { referrersOfFlag, referrersOfSegment, referrersOfVariation } from '../../src/app/references.ts';
import type { Operation } from '../../src/core/change.ts';
import { type FlagSettings, initialSettings, type Release, type Segment } from '../../src/core/model.ts';

const dates = { createdAt: '', updatedAt: '' };
const putSettings = (environment: string, settings: FlagSettings): Operation => ({
  op: 'put',
  object: { kind: 'settings', environment, state: settings },
});
const putRelease = (key: string, state: Release['state']): Operation => ({
  op: 'put',
  object: {
    kind: 'release',
    state: {
      ...{ key, branch: 'main', runtimeVersion: '1', rolloutWeight: 0, state, ...dates },
      flags: [{ flag: 'a', variation: 'on' }],
      rolledBackFlags: [],
    },
  },
});
const putSegment = (key: string, condition: Segment['condition']): Operation => ({
  op: 'put',
  object: {
    kind: 'segment',
    state: {
      ...{ key, name: '', description: '', included: [], excluded: [], archived: false, ...dates },
      ...(condition && { condition }),
    },
  },
});
const stateWith = (...operations: Operation[]) => applyOperations(emptyState('shop'), operations, 1);
const rule = { id: 'r', name: '', priority: 0, recordExposures: true };
const onServe = { kind: 'variation', variation: 'on' } as const;

test('a segment is found however deep a condition names it', () => {
  const named = { kind: 'segment', segments: ['x', 'staff'], negate: true } as const;
  const deep = {
    kind: 'all',
    conditions: [{ kind: 'not', condition: { kind: 'any', conditions: [named] } }],
  } as const;
  const state = stateWith(
    putSettings('dev', { ...initialSettings('a'), rules: [{ ...rule, condition: deep, serve: onServe }] }),
    putSettings('live', { ...initialSettings('b'), rules: [{ ...rule, serve: onServe }] }),
    putSegment('all', named),
    putSegment('none', { kind: 'clause', attribute: 'staff', operator: 'exists', values: [] }),
  );
  expect(referrersOfSegment(state, 'staff')).toEqual([
    { kind: 'settings', environment: 'dev', key: 'a' },
    { kind: 'segment', environment: '', key: 'all' },
  ]);
  expect(referrersOfSegment(state, 'none')).toEqual([]);
});

test('a flag is referred to by prerequisites and by active releases', () => {
  const state = stateWith(
    putSettings('dev', { ...initialSettings('b'), prerequisites: [{ flag: 'a', variations: ['on'] }] }),
    putRelease('r1', 'active'),
    putRelease('r2', 'completed'),
  );
  expect(referrersOfFlag(state, 'a')).toEqual([
    { kind: 'settings', environment: 'dev', key: 'b' },
    { kind: 'release', environment: '', key: 'r1' },
  ]);
  expect(referrersOfFlag(state, 'b')).toEqual([]);
});

test.each<[string, Partial<FlagSettings>]>([
  ['default', { defaultVariation: 'on' }],
  ['target', { targets: [{ variation: 'on', keys: ['ann'] }] }],
  ['rule', { rules: [{ ...rule, serve: onServe }] }],
  ['split', { rules: [{ ...rule, serve: { kind: 'split', variations: [{ variation: 'on', weight: 0 }] } }] }],
  [
    'scheduled change',
    {
      scheduledChanges: [{ id: 's', at: '', by: '', action: { kind: 'default_variation', variation: 'on' } }],
    },
  ],
])('a variation is referred to by a %s', (_, settings) => {
  const state = stateWith(putSettings('dev', { ...initialSettings('a'), ...settings }));
  expect(referrersOfVariation(state, 'a', 'on')).toEqual([
    { kind: 'settings', environment: 'dev', key: 'a' },
  ]);
  expect(referrersOfVariation(state, 'a', 'off')).toEqual([]);
  expect(referrersOfVariation(state, 'b', 'on')).toEqual([]);
});

test('a variation is referred to by other flags’ prerequisites and by active releases', () => {
  const state = stateWith(
    putSettings('dev', { ...initialSettings('b'), prerequisites: [{ flag: 'a', variations: ['on'] }] }),
    putRelease('r1', 'active'),
    putRelease('r2', 'rolled_back'),
  );
  expect(referrersOfVariation(state, 'a', 'on').map(({ key }) => key)).toEqual(['b', 'r1']);
  expect(referrersOfVariation(state, 'a', 'off')).toEqual([]);
});

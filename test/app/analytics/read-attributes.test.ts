import { expect, it } from 'vitest';
import { dependenceOf } from '../../../src/app/analytics/read-attributes.ts';
import type { Condition, FlagSettings, Segment } from '../../../src/core/model.ts';
import { completeSegment, completeSettings } from '../../vectors/load.ts';

const clause = (attribute: string): Condition => ({
  kind: 'clause',
  attribute,
  operator: 'exists',
  values: [],
});
const inSegment = (...segments: string[]): Condition => ({ kind: 'segment', segments, negate: true });

function dependenceOn(settings: FlagSettings, segments: Segment[] = [], others: FlagSettings[] = []) {
  return dependenceOf([settings], undefined, {
    segment: (key) => segments.find((segment) => segment.key === key),
    settings: (flag) => others.find((other) => other.flag === flag),
  });
}

it('finds attributes wherever they are read: in conditions, segments, gates, buckets and prerequisites', () => {
  const condition: Condition = {
    kind: 'any',
    conditions: [
      { kind: 'not', condition: clause('a') },
      { kind: 'all', conditions: [clause('b'), inSegment('s')] },
      { kind: 'release', gate: { kind: 'branch', branch: 'main' } },
      { kind: 'release', gate: { kind: 'updated_within', days: 3 } },
      { kind: 'release', gate: { kind: 'runtime_version', operator: 'gt', version: '1.0.0' } },
    ],
  };
  const settings = completeSettings({
    key: 'checkout',
    settings: {
      bucketBy: 'account',
      prerequisites: [{ flag: 'other', variations: ['on'] }],
      rules: [{ condition, rollout: { weight: 5 } }],
    },
  });
  const segments = [
    completeSegment({ key: 's', condition: inSegment('t') }),
    completeSegment({ key: 't', condition: { kind: 'all', conditions: [clause('c'), inSegment('s')] } }),
  ];
  const other = completeSettings({ key: 'other', settings: { rules: [{ condition: clause('d') }] } });
  expect(dependenceOn(settings, segments, [other])).toEqual({
    attributes: ['a', 'account', 'b', 'c', 'd', 'device.branch', 'device.runtimeVersion', 'device.updatedAt'],
    listsKeys: false,
  });
});

it('does not miss an attribute for buckets that nobody computes', () => {
  const settings = completeSettings({ key: 'checkout', settings: { bucketBy: 'account', rules: [{}] } });
  expect(dependenceOn(settings).attributes).toEqual([]);
});

it('sees where targeting keys are looked up', () => {
  const listing = (given: FlagSettings, ...segments: Segment[]) => dependenceOn(given, segments).listsKeys;
  const rule = (condition: Condition) =>
    completeSettings({ key: 'checkout', settings: { rules: [{ condition }] } });
  const targets = [{ variation: 'on', keys: ['anna'] }];
  expect(listing(completeSettings({ key: 'checkout', settings: { targets } }))).toBe(true);
  expect(listing(rule(clause('targeting_key')))).toBe(true);
  expect(listing(rule(inSegment('s')), completeSegment({ key: 's', excluded: ['anna'] }))).toBe(true);
  expect(listing(rule(inSegment('s')), completeSegment({ key: 's', condition: clause('a') }))).toBe(false);
});

import type { Change, ObjectState, Operation } from '../../src/core/change.ts';
import type { AccessKey, FlagSettings, Release, Segment } from '../../src/core/model.ts';
import { CONFUSABLE, changeAfter, flag, secondsIn } from '../contract/samples.ts';

const dates = { createdAt: secondsIn(0), updatedAt: secondsIn(1) };
const named = (key: string) => ({
  key,
  name: `The ${key} \u{1f600}`,
  description: '',
  archived: false,
  ...dates,
});

const segment: Segment = {
  ...named('beta'),
  included: [...CONFUSABLE],
  excluded: ['mallory'],
  condition: { kind: 'clause', attribute: 'plan', operator: 'in', values: ['pro', 1, null, { $gt: '' }] },
};

const release: Release = {
  key: 'r1',
  branch: 'main',
  runtimeVersion: '1.2.3',
  rolloutWeight: 25_000,
  state: 'active',
  flags: [{ flag: 'banner', variation: 'only' }],
  rolledBackFlags: [],
  ...dates,
};

const settings: FlagSettings = {
  flag: 'banner',
  enabled: true,
  halt: { by: 'key:k1', reason: 'payments fail', at: secondsIn(3) },
  defaultVariation: 'only',
  prerequisites: [{ flag: 'other', variations: ['only'] }],
  targets: [{ variation: 'only', keys: ['anna', 'Anna', 'a\u0308nna'] }],
  rules: [
    {
      id: 'rule-1',
      name: 'half of the beta',
      priority: 1,
      condition: { kind: 'segment', segments: ['beta'], negate: false },
      rollout: { weight: 50_000, salt: 's' },
      serve: { kind: 'split', variations: [{ variation: 'only', weight: 100_000 }] },
      ramp: { kind: 'linear', startsAt: secondsIn(0), endsAt: secondsIn(9), fromWeight: 0, toWeight: 50_000 },
      recordExposures: true,
    },
  ],
  bucketBy: 'company',
  salt: 'salt',
  hash: 'sha256',
  scheduledChanges: [{ id: 's1', at: secondsIn(1e6), action: { kind: 'resume' }, by: 'key:k1' }],
  updatedAt: secondsIn(3),
};

function accessKey(id: string): AccessKey {
  return {
    id,
    kind: 'web',
    name: 'shop window',
    environment: 'production',
    scopes: ['read'],
    allowedOrigins: ['https://example.com'],
    secretHash: 'f'.repeat(64),
    expiresAt: secondsIn(1e7),
    createdAt: secondsIn(0),
  };
}

/** One of each kind of object, with every field that is not the other half of a choice. */
export const EVERY_KIND: readonly ObjectState[] = [
  { kind: 'project', state: named('shop') },
  { kind: 'environment', state: named('production') },
  { kind: 'flag', state: flag('banner', { nested: [1.5, 1e21, 'x', { '': null, a: true }] }) },
  { kind: 'flag', state: flag('other', CONFUSABLE) },
  { kind: 'settings', environment: 'production', state: settings },
  { kind: 'segment', state: segment },
  { kind: 'release', state: release },
  { kind: 'key', state: accessKey('k1') },
];

const DELETIONS: readonly Operation[] = [
  { op: 'delete', id: { kind: 'release', environment: '', key: 'r1' } },
  { op: 'delete', id: { kind: 'settings', environment: 'production', key: 'banner' } },
];

/**
 * The history of a project in which every kind of object is made, some are changed `edits` times, and some deleted;
 * with texts that only a comparison by code points tells apart in every place where somebody may write.
 */
export function historyOfEveryKind(project: string, edits = 3): Change[] {
  const changes: Change[] = [];
  const add = (action: string, operations: readonly Operation[], parts: Partial<Change> = {}) =>
    changes.push(changeAfter(project, changes.at(-1), { action, operations, ...parts }));
  add(
    'project.create',
    EVERY_KIND.map((object) => ({ op: 'put', object })),
  );
  for (let edit = 1; edit <= edits; edit++)
    add('flag.update', [{ op: 'put', object: { kind: 'flag', state: flag('banner', edit) } }], {
      reason: CONFUSABLE[edit % CONFUSABLE.length] ?? '',
    });
  for (const text of CONFUSABLE)
    add('segment.update', [{ op: 'put', object: { kind: 'segment', state: { ...segment, name: text } } }], {
      idempotencyKey: text,
    });
  add('release.delete', DELETIONS);
  return changes;
}

import { expect, test } from 'vitest';
import { SYSTEM } from '../../src/app/principal.ts';
import type { ObjectId } from '../../src/core/change.ts';
import {
  checkedKey,
  keyName,
  objectName,
  parseFlag,
  parseKey,
  parseLog,
  parseObject,
  parseProject,
  parseRevision,
  parseSettings,
  revisionName,
  settingsName,
} from '../../src/rpc/names.ts';

test('a settings name comes apart into what it was made of', () => {
  const name = settingsName('shop', 'production', 'new-checkout');
  expect(name).toBe('projects/shop/environments/production/flags/new-checkout');
  expect(parseSettings(name, 'name')).toEqual({
    project: 'shop',
    environment: 'production',
    flag: 'new-checkout',
  });
});

test('every kind of object has a name that leads back to it', () => {
  const ids: ObjectId[] = [
    { kind: 'project', environment: '', key: 'shop' },
    { kind: 'environment', environment: '', key: 'dev' },
    { kind: 'flag', environment: '', key: 'a' },
    { kind: 'settings', environment: 'dev', key: 'a' },
    { kind: 'segment', environment: '', key: 'staff' },
    { kind: 'release', environment: '', key: 'r1' },
    { kind: 'key', environment: '', key: 'AbC123' },
  ];
  for (const id of ids)
    expect(parseObject(objectName('shop', id), 'object')).toEqual({ project: 'shop', id });
});

test('a key to the whole instance has no project in its name', () => {
  expect(keyName(SYSTEM, 'AbC')).toBe('keys/AbC');
  expect(parseKey('keys/AbC', 'name')).toEqual({ project: SYSTEM, id: 'AbC' });
  expect(parseObject('keys/AbC', 'object').project).toBe(SYSTEM);
});

test('the log of the instance can be named, and no project can have its key', () => {
  expect(parseLog(`projects/${SYSTEM}`, 'parent')).toBe(SYSTEM);
  expect(parseRevision(revisionName(SYSTEM, 7), 'name')).toEqual({ project: SYSTEM, revision: 7 });
  expect(() => parseProject(`projects/${SYSTEM}`, 'name')).toThrow(/must be of the form/);
  expect(() => checkedKey(SYSTEM, 'project_id')).toThrow(/lowercase/);
});

test.each([
  '',
  'projects/shop',
  'projects/shop/flags/',
  'projects/shop/flags/A',
  'projects/shop/flags/../x',
  'projects/shop/flags/a.b',
  'projects/shop/flags/$where',
  'projects/shop/flags/a\n',
  'projects/shop/flags/-a',
  'projects/shop/flags/a-',
  'projects/shop/flags/a/b',
  'projects/>/flags/a',
  'projects/shop/flags/аdmin',
  `projects/shop/flags/${'x'.repeat(64)}`,
  '/projects/shop/flags/a',
])('%j is no name of a flag', (name) => {
  expect(() => parseFlag(name, 'flag.name')).toThrow(
    'flag.name: must be of the form projects/{project}/flags/{flag}',
  );
});

test.each(['constructor', '__proto__', 'toString', 'revisions'])(
  'no object is in a collection named %s',
  (collection) => {
    expect(() => parseObject(`projects/shop/${collection}/a`, 'object')).toThrow(/must be of the form/);
  },
);

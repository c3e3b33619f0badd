import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { hashOf } from '../../src/app/change-hash.ts';
import { createFlag } from '../../src/app/manage/flags.ts';
import { canonicalJson } from '../../src/core/canonical-json.ts';
import type { Change } from '../../src/core/change.ts';
import { answer, openReplicas, type Replica, type Replicas, revisionOf } from '../support/replicas.ts';
import { fillShop, halt, onFlag } from '../support/shop.ts';

let replicas: Replicas;
let writing: Replica;
let following: Replica;
beforeEach(async () => {
  replicas = await openReplicas();
  [writing, following] = [await replicas.open(), await replicas.open()];
  await fillShop(writing, 'checkout', 'search');
  await vi.waitFor(() => expect(revisionOf(following)).toBe(3));
});
afterEach(() => replicas[Symbol.asyncDispose]());

/** The change that would be next, as a whole and with its hash. */
function nextChange(operations: readonly unknown[], more: Readonly<Record<string, unknown>> = {}): Change {
  const { revision, hash, time } = writing.instance.catalog.state('shop');
  const unsealed = {
    ...{ format: 1 as const, project: 'shop', revision: revision + 1, action: 'x', actor: 'x', reason: '' },
    ...{ time, idempotencyKey: `smuggled-${revision}`, requestDigest: '', previousHash: hash },
    operations: operations as Change['operations'],
    ...more,
  };
  return { ...unsealed, hash: hashOf(unsealed) };
}

/** Puts a row into the log behind everybody's back. */
function smuggle({ project, revision, idempotencyKey, time, hash }: Change, body: string): void {
  using database = new DatabaseSync(join(replicas.logDirectory, 'changes.db'));
  database
    .prepare('INSERT INTO changes VALUES (?, ?, ?, ?, ?, ?)')
    .run(project, revision, idempotencyKey, time, hash, body);
}

function settings(flag: string) {
  const found = writing.instance.catalog.state('shop').settings.get('production')?.get(flag)?.state;
  if (found === undefined) throw new Error(`no settings of ${flag}`);
  return found;
}

const putSettings = (state: unknown) => ({
  op: 'put',
  object: { kind: 'settings', environment: 'production', state },
});

const rule = (id: string, condition: unknown) => ({
  ...{ id, name: '', priority: 1, recordExposures: true, condition },
  serve: { kind: 'variation', variation: 'off' },
});

const clause = (operator: string, value: string) => ({
  ...{ kind: 'clause', attribute: 'targetingKey', operator, values: [value] },
});

function nested(depth: number): string {
  return `${'{"kind":"not","condition":'.repeat(depth)}{"kind":"all","conditions":[]}${'}'.repeat(depth)}`;
}

/** Each leaves the change of `checkout` unusable in its way. The last tells what it answers from then on. */
const BROKEN: readonly [string, () => { change: Change; body?: string }][] = [
  ['is no JSON', () => ({ change: nextChange([]), body: '{"format":1,' })],
  ['is empty', () => ({ change: nextChange([]), body: '' })],
  ['is null', () => ({ change: nextChange([]), body: 'null' })],
  ['has a format that is not known', () => ({ change: nextChange([], { format: 99 }) })],
  ['belongs to another project', () => ({ change: nextChange([], { project: 'bank' }) })],
  [
    'was edited by hand',
    () => {
      const change = nextChange([putSettings({ ...settings('checkout'), enabled: true, rules: [] })]);
      return { change, body: canonicalJson(change).replace('"enabled":true', '"enabled":false') };
    },
  ],
  ['does nothing that is known', () => ({ change: nextChange([null, 7, { op: 'merge' }, { op: 'put' }]) })],
  [
    'puts and deletes what is no object',
    () => ({
      change: nextChange([
        { op: 'put', object: null },
        { op: 'put', object: { kind: 'flag', state: null } },
        { op: 'put', object: { kind: 'planet', state: { key: 'mars' } } },
        { op: 'delete', id: { kind: 'flag' } },
        { op: 'delete' },
      ]),
    }),
  ],
  [
    'has an operator that is not known',
    () => ({
      change: nextChange([
        putSettings({ ...settings('checkout'), rules: [rule('r', clause('sounds_like', 'anna'))] }),
      ]),
    }),
  ],
  [
    'nests a condition without end',
    () => {
      const change = nextChange([putSettings({ ...settings('checkout'), rules: ['RULE'] })]);
      const text = canonicalJson(rule('r', 'CONDITION')).replace('"CONDITION"', nested(20_000));
      return { change, body: canonicalJson(change).replace('"RULE"', text) };
    },
  ],
];

function insert({ change, body }: { change: Change; body?: string }): void {
  smuggle({ ...change, project: 'shop' }, body ?? canonicalJson(change));
}

describe('a change in the log that', () => {
  it.each(BROKEN)('%s harms nothing else, and the next one is made and seen by all', async (_how, make) => {
    insert(make());
    await writing.instance.commit('shop', halt('search'), 'flag.halt');
    await vi.waitFor(() => expect(revisionOf(following)).toBe(5));
    for (const replica of [writing, following]) {
      expect(answer(replica, 'search')).toMatchObject({ reason: 'HALTED' });
      expect(answer(replica, 'checkout')).toMatchObject({ value: true });
      const { catalog, reports } = replica.instance;
      expect(catalog.problems()).toMatchObject([{ project: 'shop', revision: 4 }]);
      expect(catalog.troubles()).toEqual([]);
      expect(reports).toEqual(['something in the log is not understood']);
    }
  });

  it.each(BROKEN)('%s is passed over again at a start from the log alone', async (_how, make) => {
    insert(make());
    await writing.instance.commit('shop', halt('search'), 'flag.halt');
    const fresh = await replicas.open();
    expect(revisionOf(fresh)).toBe(5);
    expect(answer(fresh, 'checkout')).toMatchObject({ value: true });
    expect(answer(fresh, 'search')).toMatchObject({ reason: 'HALTED' });
    expect(fresh.instance.catalog.problems()).toMatchObject([{ project: 'shop', revision: 4 }]);
  });
});

describe('what a replica does not understand', () => {
  const strange = () =>
    nextChange([putSettings({ ...settings('checkout'), rules: [rule('r', clause('sounds_like', 'anna'))] })]);

  it('is told in the details of what is answered instead', async () => {
    const change = strange();
    smuggle(change, canonicalJson(change));
    await following.instance.catalog.catchUp('shop');
    expect(answer(following, 'checkout')).toMatchObject({
      ...{ value: true, reason: 'DEFAULT', flagVersion: 2 },
      detail: expect.stringContaining('revision 4 is not understood'),
    });
    expect(answer(following, 'search')?.detail).toBe('');
  });

  it('is known again by a replica that starts from its disk', async () => {
    const change = strange();
    smuggle(change, canonicalJson(change));
    await following.instance.catalog.catchUp('shop');
    await following.stop();
    await following.start({ log: 'off' });
    expect(following.instance.catalog.problems()).toMatchObject([{ project: 'shop', revision: 4 }]);
    expect(answer(following, 'checkout')?.detail).toContain('revision 4');
    // The log may have been written by a build that this one has caught up with: it is read again.
    following.link.on();
    await following.instance.catalog.refresh();
    expect(following.instance.reports).toContain('a project was read anew');
    expect(following.instance.catalog.problems()).toHaveLength(1);
  });

  it('is mended by the next change of the object', async () => {
    const change = strange();
    smuggle(change, canonicalJson(change));
    await writing.instance.commit('shop', halt('checkout'), 'flag.halt');
    await vi.waitFor(() => expect(answer(following, 'checkout')).toMatchObject({ detail: 'fire' }));
    expect(following.instance.catalog.problems()).toEqual([]);
  });

  it('keeps all but halts from being written if a newer build has made it', async () => {
    insert({ change: nextChange([], { format: 2 }) });
    await expect(writing.instance.commit('shop', createFlag(onFlag('late')))).rejects.toMatchObject({
      kind: 'failed_precondition',
      details: { reason: 'LOG_TOO_NEW' },
    });
    await writing.instance.commit('shop', halt('checkout'), 'flag.halt');
    expect(answer(writing, 'checkout')).toMatchObject({ reason: 'HALTED' });
  });
});

describe('a log that', () => {
  it('lacks one change is read behind it', async () => {
    await writing.instance.commit('shop', createFlag(onFlag('lost')));
    await writing.instance.commit('shop', halt('checkout'), 'flag.halt');
    using database = new DatabaseSync(join(replicas.logDirectory, 'changes.db'));
    database.exec("DELETE FROM changes WHERE project = 'shop' AND revision = 4");
    const fresh = await replicas.open();
    expect([revisionOf(fresh), answer(fresh, 'checkout')?.reason]).toEqual([5, 'HALTED']);
    expect(answer(fresh, 'lost')).toMatchObject({ errorCode: 'FLAG_NOT_FOUND' });
    expect(fresh.instance.catalog.problems()).toMatchObject([{ revision: 4 }]);
  });

  it('has a change far ahead is served as far as it goes, until that is taken away', async () => {
    const stray = nextChange([], { revision: 1_000 });
    smuggle(stray, canonicalJson(stray));
    await expect(writing.instance.commit('shop', halt('checkout'))).rejects.toMatchObject({
      kind: 'failed_precondition',
      details: { reason: 'LOG_DAMAGED' },
    });
    expect(answer(writing, 'checkout')).toMatchObject({ value: true });
    using database = new DatabaseSync(join(replicas.logDirectory, 'changes.db'));
    database.exec('DELETE FROM changes WHERE revision = 1000');
    await writing.instance.commit('shop', halt('checkout'));
    expect(writing.instance.catalog.troubles()).toEqual([]);
  });
});

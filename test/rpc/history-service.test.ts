import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { timestampFromMs } from '@bufbuild/protobuf/wkt';
import { Code } from '@connectrpc/connect';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { ErrorInfoSchema } from '../../gen/google/rpc/error_details_pb.ts';
import { Reason } from '../../gen/vexil/v1/evaluation_pb.ts';
import { ObjectChange_Kind } from '../../gen/vexil/v1/history_service_pb.ts';
import { KeyKind, Scope } from '../../gen/vexil/v1/key_service_pb.ts';
import { objectsOf } from '../../src/app/project-state.ts';
import { canonicalJson } from '../../src/core/canonical-json.ts';
import { BOOLEAN, errorOf, openShop, ROOT, type Service } from '../support/in-process-service.ts';

let service: Service;
beforeEach(async () => {
  service = await openShop(['production']);
});
afterEach(() => service[Symbol.asyncDispose]());

const parent = 'projects/shop';
const production = 'projects/shop/environments/production';
const flag = (key: string) => `projects/shop/flags/${key}`;
const settings = (key: string) => `${production}/flags/${key}`;
const makeFlag = (flagId: string) =>
  service.flags.createFlag({ parent, flagId, flag: BOOLEAN, enabledEnvironments: ['production'] });
const head = () => service.instance.catalog.state('shop').revision;

/** Changes the log's file behind everybody's back. */
function tamper(sql: string) {
  const database = new DatabaseSync(join(service.instance.directory, 'changes.db'));
  database.exec(sql);
  database.close();
}

describe('revisions', () => {
  test('are listed newest first, each with the names of what it touched', async () => {
    await makeFlag('a');
    await service.flags.haltFlag({
      name: settings('a'),
      reason: 'broken',
      options: { reason: 'incident 7' },
    });
    const { revisions, nextPageToken } = await service.history.listRevisions({ parent });
    expect(revisions.map(({ revision }) => revision)).toEqual([3n, 2n, 1n]);
    expect(revisions[0]).toMatchObject({
      name: 'projects/shop/revisions/3',
      action: 'flag.halt',
      actor: 'key:root',
      changes: [{ name: settings('a'), object: 'settings' }],
    });
    expect(revisions[1]?.changes.map(({ name }) => name)).toEqual([flag('a'), settings('a')]);
    expect(revisions[0]?.previousHash).toEqual(revisions[1]?.hash);
    expect(revisions[0]?.hash).toHaveLength(32);
    expect(nextPageToken).toBe('');
  });

  test('come in pages', async () => {
    for (const key of ['a', 'b', 'c', 'd']) await makeFlag(key);
    const seen: bigint[] = [];
    for (let pageToken = ''; ; ) {
      const page = await service.history.listRevisions({ parent, pageSize: 2, pageToken });
      seen.push(...page.revisions.map(({ revision }) => revision));
      pageToken = page.nextPageToken;
      if (pageToken === '') break;
    }
    expect(seen).toEqual([5n, 4n, 3n, 2n, 1n]);
  });

  test('are found by object, action, actor and time', async () => {
    await makeFlag('a');
    service.instance.clock.advance(1000);
    const since = service.instance.clock.now();
    const other = service.as({ ...ROOT, keyId: 'other' });
    await other.flags.createFlag({ parent, flagId: 'b', flag: BOOLEAN });
    service.instance.clock.advance(1000);
    await service.flags.archiveFlag({ name: flag('a') });
    const found = async (filter: Parameters<typeof service.history.listRevisions>[0]) =>
      (await service.history.listRevisions({ parent, ...filter })).revisions.map(({ revision }) =>
        Number(revision),
      );
    expect(await found({ object: flag('a') })).toEqual([4, 2]);
    expect(await found({ object: production })).toEqual([1]);
    expect(await found({ object: parent })).toEqual([1]);
    expect(await found({ action: 'flag.create' })).toEqual([3, 2]);
    expect(await found({ actor: 'key:other' })).toEqual([3]);
    expect(await found({ startTime: timestampFromMs(since) })).toEqual([4, 3]);
    expect(await found({ endTime: timestampFromMs(since) })).toEqual([2, 1]);
    expect(await found({ startTime: timestampFromMs(since), endTime: timestampFromMs(since + 1) })).toEqual([
      3,
    ]);
    expect(await found({ object: flag('a'), action: 'flag.archive' })).toEqual([4]);
    expect(await found({ object: flag('nothing') })).toEqual([]);
  });

  test('are looked for in the project that was named', async () => {
    const call = service.history.listRevisions({ parent, object: 'projects/other/flags/a' });
    expect(await errorOf(call)).toMatchObject({ code: Code.InvalidArgument });
    const missing = service.history.listRevisions({ parent: 'projects/other' });
    expect(await errorOf(missing)).toMatchObject({ code: Code.NotFound });
  });

  test('say what things were like before and after, field by field', async () => {
    await makeFlag('a');
    await service.flags.updateFlag({ flag: { name: flag('a'), displayName: 'New', tags: ['x'] } });
    const created = await service.history.getRevision({ name: 'projects/shop/revisions/2' });
    expect(created.revision?.changes[0]).toMatchObject({
      name: flag('a'),
      object: 'flag',
      kind: ObjectChange_Kind.CREATED,
      after: { key: 'a', type: 'boolean' },
      fields: [],
    });
    expect(created.revision?.changes[0]?.before).toBeUndefined();
    const updated = await service.history.getRevision({ name: 'projects/shop/revisions/3' });
    expect(updated.revision?.changes).toMatchObject([
      {
        kind: ObjectChange_Kind.UPDATED,
        before: { name: 'a', tags: [] },
        after: { name: 'New', tags: ['x'] },
        fields: [
          { path: 'name', before: { kind: { value: 'a' } }, after: { kind: { value: 'New' } } },
          { path: 'tags[0]', after: { kind: { value: 'x' } } },
        ],
      },
    ]);
    expect(await errorOf(service.history.getRevision({ name: 'projects/shop/revisions/9' }))).toMatchObject({
      code: Code.NotFound,
    });
  });

  test('never show the hash of a secret', async () => {
    const { key } = await service.keys.createKey({
      parent,
      key: { kind: KeyKind.ADMIN, scopes: [Scope.READ] },
    });
    await service.keys.revokeKey({ name: key?.name ?? '' });
    const answers = [
      await service.history.listRevisions({ parent }),
      await service.history.getRevision({ name: 'projects/shop/revisions/2' }),
      await service.history.getRevision({ name: 'projects/shop/revisions/3' }),
      await service.history.diffRevisions({ parent, fromRevision: 1n }),
    ];
    const text = JSON.stringify(answers, (_, value: unknown) =>
      typeof value === 'bigint' ? String(value) : value,
    );
    expect(text).toContain(key?.id);
    expect(text).not.toMatch(/secretHash/i);
    expect(text).not.toContain(
      service.instance.catalog.state('shop').keys.get(key?.id ?? '')?.state.secretHash,
    );
  });

  test('of a project that was deleted stay', async () => {
    await service.projects.archiveProject({ name: parent });
    await service.projects.deleteProject({ name: parent });
    const { revisions } = await service.history.listRevisions({ parent });
    expect(revisions.map(({ action }) => action)).toEqual([
      'project.delete',
      'project.archive',
      'project.create',
    ]);
  });

  test('of the keys to the whole instance are in a log of their own', async () => {
    const { key } = await service.keys.createKey({ key: { kind: KeyKind.ADMIN, scopes: [Scope.READ] } });
    const { revisions } = await service.history.listRevisions({
      parent: 'projects/_system',
      object: key?.name ?? '',
    });
    expect(revisions[0]?.changes).toMatchObject([{ name: key?.name, object: 'key' }]);
    const { revision } = await service.history.getRevision({ name: revisions[0]?.name ?? '' });
    expect(revision?.changes[0]?.after).toMatchObject({ id: key?.id });
  });
});

describe('a difference between two revisions', () => {
  test('is told object by object, in either direction', async () => {
    await makeFlag('a');
    const from = BigInt(head());
    await makeFlag('b');
    await service.flags.disableFlag({ name: settings('a') });
    const there = await service.history.diffRevisions({ parent, fromRevision: from });
    expect(there).toMatchObject({ fromRevision: from, toRevision: from + 2n });
    expect(there.changes.map(({ name, kind }) => [name, kind])).toEqual([
      [flag('b'), ObjectChange_Kind.CREATED],
      [settings('a'), ObjectChange_Kind.UPDATED],
      [settings('b'), ObjectChange_Kind.CREATED],
    ]);
    expect(there.changes[1]?.fields).toMatchObject([{ path: 'enabled' }]);
    const back = await service.history.diffRevisions({ parent, fromRevision: from + 2n, toRevision: from });
    expect(back.changes.map(({ kind }) => kind)).toEqual([
      ObjectChange_Kind.UPDATED,
      ObjectChange_Kind.DELETED,
      ObjectChange_Kind.DELETED,
    ]);
  });

  test('is none if what was changed was changed back', async () => {
    await makeFlag('a');
    const from = BigInt(head());
    await service.flags.disableFlag({ name: settings('a') });
    await service.flags.enableFlag({ name: settings('a') });
    expect((await service.history.diffRevisions({ parent, fromRevision: from })).changes).toEqual([]);
  });

  test('needs revisions that are there', async () => {
    expect(await errorOf(service.history.diffRevisions({ parent, toRevision: 9n }))).toMatchObject({
      code: Code.OutOfRange,
    });
    expect(await errorOf(service.history.diffRevisions({ parent, fromRevision: -1n }))).toMatchObject({
      code: Code.InvalidArgument,
    });
  });
});

describe('a revert', () => {
  const content = () =>
    [...objectsOf(service.instance.catalog.state('shop'))]
      .map(({ state }) => state)
      .filter(({ kind }) => kind !== 'key' && kind !== 'project')
      .map((object) => canonicalJson({ ...object, state: { ...object.state, updatedAt: undefined } }))
      .sort();

  test('makes everything as it was, in one change', async () => {
    await makeFlag('a');
    await service.segments.createSegment({ parent, segmentId: 'staff' });
    const before = content();
    const revision = BigInt(head());
    await service.flags.updateFlag({ flag: { name: flag('a'), displayName: 'New' } });
    await service.flags.disableFlag({ name: settings('a') });
    await service.segments.deleteSegment({ name: 'projects/shop/segments/staff' });
    await makeFlag('b');
    await service.projects.createEnvironment({ parent, environmentId: 'dev' });
    const last = head();
    const { receipt, changes } = await service.history.revertToRevision({ parent, revision });
    expect(receipt?.revision).toBe(BigInt(last + 1));
    expect(content()).toEqual(before);
    const became = (kind: ObjectChange_Kind) =>
      changes.filter((change) => change.kind === kind).map(({ name }) => name);
    expect(became(ObjectChange_Kind.UPDATED)).toEqual([flag('a'), settings('a')]);
    expect(became(ObjectChange_Kind.CREATED)).toEqual(['projects/shop/segments/staff']);
    expect(became(ObjectChange_Kind.DELETED)).toEqual([
      'projects/shop/environments/dev',
      flag('b'),
      settings('b'),
    ]);
  });

  test('leaves the keys and the record of the project as they are', async () => {
    await service.projects.updateProject({ project: { name: parent, displayName: 'Store' } });
    const { key } = await service.keys.createKey({
      parent,
      key: { kind: KeyKind.SERVER, environment: production },
    });
    const { receipt } = await service.history.revertToRevision({ parent, revision: 1n });
    expect(receipt).toMatchObject({ unchanged: true });
    const { project } = await service.projects.getProject({ name: parent });
    expect(project?.displayName).toBe('Store');
    expect((await service.keys.getKey({ name: key?.name ?? '' })).key?.revokeTime).toBeUndefined();
  });

  test('is refused if somebody wrote in the meantime', async () => {
    await makeFlag('a');
    const revert = service.history.revertToRevision({ parent, revision: 1n, expectedHead: 1n });
    const error = await errorOf(revert);
    expect(error.code).toBe(Code.Aborted);
    expect(error.findDetails(ErrorInfoSchema)[0]).toMatchObject({
      reason: 'HEAD_MOVED',
      metadata: { head: '2' },
    });
    await service.history.revertToRevision({ parent, revision: 1n, expectedHead: 2n });
  });

  test('that is only checked says what it would do and does nothing', async () => {
    await makeFlag('a');
    const { changes, receipt } = await service.history.revertToRevision({
      parent,
      revision: 1n,
      options: { validateOnly: true },
    });
    expect(changes.map(({ kind }) => kind)).toEqual([ObjectChange_Kind.DELETED, ObjectChange_Kind.DELETED]);
    expect(receipt).toMatchObject({ unchanged: true, revision: 2n });
    expect(head()).toBe(2);
  });

  test('says so when it ends a halt', async () => {
    await makeFlag('a');
    await service.flags.haltFlag({ name: settings('a'), reason: 'broken' });
    const { receipt } = await service.history.revertToRevision({ parent, revision: 2n });
    expect(receipt?.warnings).toEqual(['a in production is no longer halted']);
  });

  test('begins or ends a halt only for those who may', async () => {
    await makeFlag('a');
    await service.flags.haltFlag({ name: settings('a'), reason: 'broken' });
    const { history } = service.as({ ...ROOT, scopes: ['read', 'write'] });
    expect(await errorOf(history.revertToRevision({ parent, revision: 2n }))).toMatchObject({
      code: Code.PermissionDenied,
    });
    await service.flags.resumeFlag({ name: settings('a') });
    expect(await errorOf(history.revertToRevision({ parent, revision: 3n }))).toMatchObject({
      code: Code.PermissionDenied,
    });
    await history.revertToRevision({ parent, revision: 2n });
    const { receipt } = await service.history.revertToRevision({ parent, revision: 3n });
    expect(receipt?.warnings).toEqual(['a in production is halted again']);
  });

  test('brings back a planned end of a halt only for those who may', async () => {
    await makeFlag('a');
    await service.flags.haltFlag({ name: settings('a'), reason: 'broken' });
    const time = timestampFromMs(service.instance.clock.now() + 60_000);
    const { receipt } = await service.flags.createScheduledChange({
      name: settings('a'),
      scheduledChange: { id: 's', time, action: { case: 'resume', value: true } },
    });
    const revision = receipt?.revision ?? 0n;
    await service.flags.cancelScheduledChange({ name: settings('a'), scheduledChangeId: 's' });
    const { history } = service.as({ ...ROOT, scopes: ['read', 'write'] });
    expect(await errorOf(history.revertToRevision({ parent, revision }))).toMatchObject({
      code: Code.PermissionDenied,
    });
    await service.history.revertToRevision({ parent, revision });
  });

  test('points out keys whose environment goes', async () => {
    await service.projects.createEnvironment({ parent, environmentId: 'dev' });
    const environment = 'projects/shop/environments/dev';
    const { key } = await service.keys.createKey({ parent, key: { kind: KeyKind.SERVER, environment } });
    const { receipt } = await service.history.revertToRevision({ parent, revision: 1n });
    expect(receipt?.warnings).toEqual([`key ${key?.id} stays, without its environment dev`]);
    expect((await service.keys.getKey({ name: key?.name ?? '' })).key?.environment).toBe(environment);
  });

  test('does not bring back a scheduled change whose time has passed', async () => {
    await makeFlag('a');
    const time = timestampFromMs(service.instance.clock.now() + 60_000);
    await service.flags.createScheduledChange({
      name: settings('a'),
      scheduledChange: { id: 's', time, action: { case: 'enabled', value: false } },
    });
    const revision = BigInt(head());
    await service.flags.cancelScheduledChange({ name: settings('a'), scheduledChangeId: 's' });
    service.instance.clock.advance(120_000);
    await service.flags.disableFlag({ name: settings('a') });
    const { receipt } = await service.history.revertToRevision({ parent, revision });
    expect(receipt?.warnings).toEqual(['scheduled changes of a in production are past and left out']);
    const now = await service.flags.getFlagSettings({ name: settings('a') });
    expect(now.settings).toMatchObject({ enabled: true, scheduledChanges: [] });
  });

  test('needs a revision that is there', async () => {
    const to = (revision: bigint) => errorOf(service.history.revertToRevision({ parent, revision }));
    expect(await to(0n)).toMatchObject({ code: Code.InvalidArgument });
    expect(await to(9n)).toMatchObject({ code: Code.OutOfRange });
  });
});

describe('an evaluation in the past', () => {
  test('answers as it was at a revision, for the moment of that revision', async () => {
    await makeFlag('a');
    await service.flags.setTarget({ name: settings('a'), variation: 'on', targetingKeys: ['ann'] });
    const revision = BigInt(head());
    const then = service.instance.clock.now();
    service.instance.clock.advance(5_000);
    await service.flags.haltFlag({ name: settings('a'), reason: 'broken' });
    const ask = { parent: production, flagKey: 'a', context: { targetingKey: 'ann' } };
    const before = await service.history.evaluateAt({ ...ask, at: { case: 'revision', value: revision } });
    expect(before.evaluation).toMatchObject({
      variation: 'on',
      reason: Reason.TARGETING_MATCH,
      revision,
      value: { case: 'boolValue', value: true },
    });
    expect(before.time).toEqual(timestampFromMs(then));
    const after = await service.history.evaluateAt({
      ...ask,
      at: { case: 'revision', value: revision + 1n },
      explain: true,
    });
    expect(after.evaluation).toMatchObject({ variation: 'off', reason: Reason.HALTED });
    expect(after.evaluation?.trace?.steps.length).toBeGreaterThan(0);
    expect(before.evaluation?.trace).toBeUndefined();
  });

  test('answers as it was at a time', async () => {
    await makeFlag('a');
    service.instance.clock.advance(5_000);
    await service.flags.haltFlag({ name: settings('a'), reason: 'broken' });
    const at = (ms: number) =>
      service.history.evaluateAt({
        parent: production,
        flagKey: 'a',
        at: { case: 'time', value: timestampFromMs(ms) },
      });
    const now = service.instance.clock.now();
    expect((await at(now - 1)).evaluation?.reason).toBe(Reason.DEFAULT);
    expect((await at(now)).evaluation?.reason).toBe(Reason.HALTED);
    expect((await at(now + 1e9)).evaluation?.reason).toBe(Reason.HALTED);
    expect(await errorOf(at(0))).toMatchObject({ code: Code.OutOfRange });
  });

  test('knows the segments and flags that the flag depended on', async () => {
    await service.segments.createSegment({ parent, segmentId: 'people', segment: { included: ['ann'] } });
    const inPeople = { kind: { case: 'segment' as const, value: { segments: ['people'] } } };
    await service.segments.createSegment({ parent, segmentId: 'staff', segment: { condition: inPeople } });
    for (const key of ['a', 'base']) await makeFlag(key);
    await service.flags.setTarget({ name: settings('base'), variation: 'on', targetingKeys: ['ann', 'bob'] });
    await service.flags.setPrerequisite({
      name: settings('a'),
      prerequisite: { flag: 'base', variations: ['on'] },
    });
    const condition = { kind: { case: 'segment' as const, value: { segments: ['staff'] } } };
    const serve = { kind: { case: 'variation' as const, value: 'on' } };
    await service.flags.createRule({ name: settings('a'), rule: { id: 'r', condition, serve } });
    const at = { case: 'revision' as const, value: BigInt(head()) };
    await service.segments.updateSegment({
      segment: { name: 'projects/shop/segments/people' },
      updateMask: { paths: ['included'] },
    });
    const reasonFor = async (targetingKey: string) =>
      (await service.history.evaluateAt({ parent: production, flagKey: 'a', at, context: { targetingKey } }))
        .evaluation?.reason;
    expect(await reasonFor('ann')).toBe(Reason.SEGMENT_MATCH);
    expect(await reasonFor('bob')).toBe(Reason.DEFAULT);
    expect(await reasonFor('cyd')).toBe(Reason.DEPENDENCY_UNMET);
  });

  test('needs a moment, and an environment that was there', async () => {
    await makeFlag('a');
    const ask = { parent: production, flagKey: 'a' };
    expect(await errorOf(service.history.evaluateAt(ask))).toMatchObject({ code: Code.InvalidArgument });
    await service.projects.createEnvironment({ parent, environmentId: 'dev' });
    const early = {
      ...ask,
      parent: 'projects/shop/environments/dev',
      at: { case: 'revision' as const, value: 2n },
    };
    expect(await errorOf(service.history.evaluateAt(early))).toMatchObject({ code: Code.NotFound });
    const zero = { ...ask, at: { case: 'revision' as const, value: 0n } };
    expect(await errorOf(service.history.evaluateAt(zero))).toMatchObject({ code: Code.InvalidArgument });
  });
});

describe('a log', () => {
  beforeEach(async () => {
    for (const key of ['a', 'b', 'c', 'd']) await makeFlag(key);
  });

  test('that nobody touched is intact', async () => {
    expect(await service.history.verifyHistory({ parent })).toMatchObject({
      intact: true,
      revisionsChecked: 5n,
      problem: '',
    });
  });

  test.each([
    [
      'an altered change',
      `UPDATE changes SET body = replace(body, 'flag.create', 'flag.delete') WHERE revision = 3`,
      3n,
      /does not match its hash/,
    ],
    ['a missing change', 'DELETE FROM changes WHERE revision = 3', 3n, /damaged/],
    ['a missing first change', 'DELETE FROM changes WHERE revision = 1', 1n, /damaged/],
    ['an unreadable change', `UPDATE changes SET body = '{' WHERE revision = 4`, 4n, /damaged/],
    ['a missing end', 'DELETE FROM changes WHERE revision > 3', 4n, /reached revision 5 before/],
    [
      'an altered change before an unreadable one',
      `UPDATE changes SET body = '{' WHERE revision = 4; UPDATE changes SET body = replace(body, 'key:root', 'key:evil') WHERE revision = 2`,
      2n,
      /does not match its hash/,
    ],
  ])('with %s is broken there', async (_, sql, brokenRevision, problem) => {
    tamper(sql);
    const verdict = await service.history.verifyHistory({ parent });
    expect(verdict).toMatchObject({ intact: false, brokenRevision, revisionsChecked: brokenRevision - 1n });
    expect(verdict.problem).toMatch(problem);
  });
});

describe('a log that is taken for the truth', () => {
  const newest = async () => {
    const { revisions } = await service.history.listRevisions({ parent, pageSize: 1 });
    return revisions[0]?.hash ?? new Uint8Array();
  };

  test('says so in a revision that changes nothing else', async () => {
    await makeFlag('a');
    const adopted = await service.history.adoptHistory({
      parent,
      headHash: await newest(),
      reason: 'restored',
    });
    expect(adopted).toMatchObject({ revision: 3n, abandonedRevision: 2n, replayed: false });
    const { revisions } = await service.history.listRevisions({ parent, pageSize: 1 });
    expect(revisions).toMatchObject([
      { revision: 3n, action: 'history.adopt', actor: 'key:root', reason: 'restored', changes: [] },
    ]);
    expect(await service.history.verifyHistory({ parent })).toMatchObject({ intact: true });
    await makeFlag('b');
  });

  test('has to end with what was looked at', async () => {
    const headHash = await newest();
    await makeFlag('a');
    expect(await errorOf(service.history.adoptHistory({ parent, headHash }))).toMatchObject({
      code: Code.Aborted,
    });
    const half = headHash.subarray(16);
    expect(await errorOf(service.history.adoptHistory({ parent, headHash: half }))).toMatchObject({
      code: Code.InvalidArgument,
    });
    const elsewhere = service.history.adoptHistory({ parent: 'projects/nowhere', headHash });
    expect(await errorOf(elsewhere)).toMatchObject({ code: Code.FailedPrecondition });
  });

  test('may begin and end halts, so it needs that scope', async () => {
    const headHash = await newest();
    const { history } = service.as({ ...ROOT, scopes: ['read', 'write'] });
    expect(await errorOf(history.adoptHistory({ parent, headHash }))).toMatchObject({
      code: Code.PermissionDenied,
    });
    expect((await service.history.listRevisions({ parent })).revisions).toHaveLength(1);
  });
});

import { randomBytes } from 'node:crypto';
import { cp, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import fc from 'fast-check';
import { afterEach, describe, expect, it, vi } from 'vitest';
import { createInProcessHub } from '../../src/adapters/in-process/in-process-bus.ts';
import { Catalog } from '../../src/app/catalog.ts';
import { hashOf } from '../../src/app/change-hash.ts';
import { snapshotOf } from '../../src/app/environment-snapshot.ts';
import { hashSecret, mintToken } from '../../src/app/key-token.ts';
import { createFlag } from '../../src/app/manage/flags.ts';
import { archiveProject, createProject, restoreProject } from '../../src/app/manage/projects.ts';
import { createRule } from '../../src/app/manage/rules.ts';
import { createSegment } from '../../src/app/manage/segments.ts';
import { haltFlag } from '../../src/app/manage/settings.ts';
import { applyChange, emptyState } from '../../src/app/project-state.ts';
import type { Plan } from '../../src/app/writer.ts';
import { canonicalJson } from '../../src/core/canonical-json.ts';
import type { Change, Operation } from '../../src/core/change.ts';
import { Evaluation } from '../../src/core/evaluation.ts';
import type { Snapshot } from '../../src/core/snapshot.ts';
import type { ChangeLog } from '../../src/ports/change-log.ts';
import { type Instance, openInstance, PEPPER } from '../support/instance.ts';

const open: (() => Promise<void>)[] = [];
afterEach(async () => {
  for (const close of open.splice(0).reverse()) await close();
});

async function shop(directory?: string): Promise<Instance> {
  const instance = await openInstance(directory === undefined ? {} : { directory });
  open.push(() => instance[Symbol.asyncDispose]());
  if (directory !== undefined) return instance;
  await instance.commit(
    'shop',
    createProject({ key: 'shop', name: '', description: '', environments: ['production', 'staging'] }),
  );
  return instance;
}

/** A directory that is gone after the test. */
async function scratch(): Promise<string> {
  const path = await mkdtemp(join(tmpdir(), 'vexil-'));
  open.unshift(() => rm(path, { recursive: true, force: true }));
  return path;
}

function flag(key: string) {
  return {
    ...{
      key,
      name: '',
      description: '',
      tags: [],
      owner: '',
      type: 'boolean' as const,
      status: 'active' as const,
    },
    ...{
      variations: [],
      defaultVariation: '',
      clientVisible: false,
      temporary: false,
      enabledIn: ['production'],
    },
  };
}

/** What a snapshot is made of and what it answers, to compare two. */
function contentOf(snapshot: Snapshot | undefined) {
  if (snapshot === undefined) return undefined;
  const evaluation = new Evaluation(snapshot, { targetingKey: 'anna', attributes: { n: 3 } }, 0);
  return {
    revision: snapshot.revision,
    flags: snapshot.sortedFlags().map((compiled) => ({
      definition: canonicalJson({
        flag: compiled.flag,
        settings: compiled.settings,
        version: compiled.version,
      }),
      outcome: evaluation.answer(compiled),
    })),
    segments: [...snapshot.segments].map(([key, { version }]) => `${key} ${version}`).sort(),
    releases: [...snapshot.releases].map(([key, { version }]) => `${key} ${version}`).sort(),
  };
}

async function rebuilt(instance: Instance): Promise<Snapshot> {
  let state = emptyState('shop');
  for (const change of await instance.log.read('shop', 0, 10_000)) state = applyChange(state, change);
  return snapshotOf(state, 'production');
}

/** Puts a change into the log that no writer of this build would. */
async function smuggle(instance: Instance, operations: readonly unknown[], more: Partial<Change> = {}) {
  const { revision, hash, time } = instance.catalog.state('shop');
  const unsealed = {
    ...{
      format: 1 as const,
      project: 'shop',
      revision: revision + 1,
      action: 'x',
      actor: 'x',
      reason: '',
      time,
    },
    ...{ idempotencyKey: `smuggled-${revision}`, requestDigest: '', previousHash: hash },
    operations: operations as readonly Operation[],
    ...more,
  };
  const change = { ...unsealed, hash: hashOf(unsealed) };
  expect(await instance.log.append(change)).toEqual({ kind: 'appended' });
  return change;
}

type Step = readonly ['flag' | 'halt' | 'rule' | 'segment' | 'delete', number];

const steps = fc.array(
  fc.tuple(
    fc.constantFrom<Step[0]>('flag', 'halt', 'rule', 'segment', 'delete'),
    fc.integer({ min: 0, max: 3 }),
  ),
  { minLength: 1, maxLength: 12 },
);

async function take(instance: Instance, [what, index]: Step): Promise<void> {
  const at = { environment: 'production', flag: `f${index}` };
  const segments = [`s${index}`];
  const plans: Record<Step[0], Plan> = {
    flag: createFlag(flag(`f${index}`)),
    halt: haltFlag(at, { by: 'x', reason: 'y' }),
    rule: createRule(at, {
      ...{
        id: '',
        name: '',
        priority: 1,
        serve: { kind: 'variation', variation: 'on' },
        recordExposures: true,
      },
      condition: { kind: 'segment', segments, negate: false },
    }),
    segment: createSegment({ key: `s${index}`, name: '', description: '', included: ['anna'], excluded: [] }),
    delete: () => ({
      operations: [
        { op: 'delete', id: { kind: 'flag', environment: '', key: `f${index}` } },
        { op: 'delete', id: { kind: 'settings', environment: 'production', key: `f${index}` } },
      ],
    }),
  };
  // A step that is not possible just now is no step.
  await instance.commit('shop', plans[what]).catch(() => undefined);
}

describe('the catalog', () => {
  it('has compiled, after any changes, what a rebuild from the log compiles', async () => {
    await fc.assert(
      fc.asyncProperty(steps, async (taken) => {
        await using instance = await openInstance();
        await instance.commit(
          'shop',
          createProject({ key: 'shop', name: '', description: '', environments: ['production'] }),
        );
        for (const step of taken) await take(instance, step);
        const expected = contentOf(await rebuilt(instance));
        expect(contentOf(instance.catalog.snapshot('shop', 'production'))).toEqual(expected);
      }),
      { numRuns: 25, seed: 7 },
    );
  });

  it('is the same after a restart, from the projection as from the log', async () => {
    const first = await shop();
    for (const step of [
      ['flag', 1],
      ['segment', 1],
      ['rule', 1],
      ['flag', 2],
      ['halt', 2],
    ] as const)
      await take(first, step);
    const expected = contentOf(first.catalog.snapshot('shop', 'production'));
    await first.projector.flush();
    const [withProjection, without] = [await scratch(), await scratch()];
    for (const copy of [withProjection, without]) await cp(first.directory, copy, { recursive: true });
    for (const suffix of ['', '-wal', '-shm'])
      await rm(join(without, `projection.db${suffix}`), { force: true });
    for (const copy of [withProjection, without]) {
      const second = await shop(copy);
      expect(contentOf(second.catalog.snapshot('shop', 'production'))).toEqual(expected);
      expect(second.catalog.genesis('shop')).toBe(first.catalog.genesis('shop'));
    }
  });

  it('finds out by itself about changes that another process made', async () => {
    const first = await shop();
    const second = await shop(first.directory);
    await take(first, ['flag', 1]);
    expect(second.catalog.snapshot('shop', 'production')?.flags.size).toBe(0);
    second.clock.advance(2_000);
    await expect.poll(() => second.catalog.snapshot('shop', 'production')?.flags.size).toBe(1);
  });

  it('looks at the log at once when the bus is connected again', async () => {
    const hub = createInProcessHub();
    const directory = await scratch();
    const writing = await openInstance({ directory, bus: hub.connect() });
    open.push(writing.close);
    const following = await openInstance({ directory, bus: hub.connect() });
    open.push(following.close);
    const cut = hub.cut();
    const plan = createProject({ key: 'shop', name: '', description: '', environments: [] });
    await writing.commit('shop', plan);
    const revisions = () => following.catalog.projects().map(({ revision }) => revision);
    expect(revisions()).toEqual([]);
    cut[Symbol.dispose]();
    await vi.waitFor(() => expect(revisions()).toEqual([1]));
  });

  it('says how long ago it was last known to be up to date', async () => {
    const { catalog, clock } = await shop();
    expect(catalog.stalenessMs('shop')).toBe(0);
    clock.advance(1_500);
    expect(catalog.stalenessMs('shop')).toBe(1_500);
    clock.advance(500);
    await expect.poll(() => catalog.stalenessMs('shop')).toBe(0);
  });

  it('catches up for whoever needs a revision, and says so when the log does not have it', async () => {
    const first = await shop();
    const second = await shop(first.directory);
    await take(first, ['flag', 1]);
    expect((await second.catalog.catchUp('shop', 2)).revision).toBe(2);
    await expect(second.catalog.catchUp('shop', 3)).rejects.toMatchObject({
      kind: 'unavailable',
      details: { reason: 'REVISION_NOT_REACHED' },
    });
  });

  it('keeps an object that it does not understand at its last good version, and everything else going', async () => {
    const instance = await shop();
    for (const step of [
      ['flag', 1],
      ['flag', 2],
    ] as const)
      await take(instance, step);
    const known = instance.catalog.state('shop').flags.get('f1')?.state;
    const change = await smuggle(instance, [
      {
        op: 'put',
        object: { kind: 'flag', state: { ...known, clientVisible: true, shape: 'of a later version' } },
      },
    ]);
    await instance.commit(
      'shop',
      haltFlag({ environment: 'production', flag: 'f2' }, { by: '', reason: '' }),
    );
    const snapshot = instance.catalog.snapshot('shop', 'production');
    expect(snapshot?.flags.get('f1')?.flag.clientVisible).toBe(false);
    expect(snapshot?.flags.get('f2')?.settings.halt).toBeDefined();
    const id = { kind: 'flag', environment: '', key: 'f1' };
    expect(instance.catalog.problems()).toMatchObject([{ project: 'shop', id, revision: change.revision }]);
  });

  it('answers with an error for a flag of which it never understood a version', async () => {
    const instance = await shop();
    await smuggle(instance, [
      { op: 'put', object: { kind: 'flag', state: { key: 'strange', shape: 'of a later version' } } },
    ]);
    await instance.catalog.catchUp('shop');
    const snapshot = instance.catalog.snapshot('shop', 'production');
    if (snapshot === undefined) throw new Error('no snapshot');
    const outcome = new Evaluation(snapshot, { targetingKey: '', attributes: {} }, 0).flag('strange');
    expect(outcome).toMatchObject({ reason: 'ERROR', errorCode: 'PARSE_ERROR', value: undefined });
  });

  it('does not understand an operator of a later version, and never serves the rule behind it', async () => {
    const instance = await shop();
    await take(instance, ['flag', 1]);
    const { state: settings } = instance.catalog.state('shop').settings.get('production')?.get('f1') ?? {};
    const condition = { kind: 'clause', attribute: 'a', operator: 'sounds_like', values: ['b'] };
    const rule = {
      id: 'r',
      name: '',
      priority: 1,
      recordExposures: true,
      serve: { kind: 'variation', variation: 'on' },
    };
    const state = {
      ...settings,
      rules: [
        { ...rule, condition },
        { ...rule, id: 'all' },
      ],
    };
    await smuggle(instance, [{ op: 'put', object: { kind: 'settings', environment: 'production', state } }]);
    await instance.catalog.catchUp('shop');
    expect(instance.catalog.snapshot('shop', 'production')?.flags.get('f1')?.settings.rules).toEqual([]);
    expect(instance.catalog.problems()).toHaveLength(1);
  });

  it.each([
    ['another history of the same length', 2],
    ['an older backup', 1],
  ])('serves on but writes no more when the log became %s', async (_what, length) => {
    const [first, other] = [await shop(), await shop()];
    for (const index of [1, 2]) await take(first, ['flag', index]);
    for (let index = 1; index <= length; index++) await take(other, ['segment', index]);
    let log: ChangeLog = first.log;
    const replaceable: ChangeLog = {
      append: (change) => log.append(change),
      head: (project) => log.head(project),
      heads: () => log.heads(),
      read: (project, after, limit) => log.read(project, after, limit),
      readBack: (project, before, limit) => log.readBack(project, before, limit),
      byIdempotencyKey: (project, key) => log.byIdempotencyKey(project, key),
      revisionAt: (project, time) => log.revisionAt(project, time),
      [Symbol.asyncDispose]: async () => undefined,
    };
    const { bus, clock } = other;
    const reports: string[] = [];
    const report = (problem: string) => void reports.push(problem);
    await using catalog = new Catalog({ log: replaceable, bus, projection: first.projection, clock, report });
    await catalog.start();
    log = other.log;
    await expect(catalog.catchUp('shop')).rejects.toMatchObject({ details: { reason: 'LOG_FORKED' } });
    expect(catalog.snapshot('shop', 'production')?.flags.size).toBe(2);
    expect(reports).toEqual(['the log was rewritten']);
  });
});

describe('a project in trouble', () => {
  it('is served up to what can be read, writes no more, and does not concern the others', async () => {
    const first = await shop();
    for (const index of [1, 2, 3]) await take(first, ['flag', index]);
    await first.commit(
      'other',
      createProject({ key: 'other', name: '', description: '', environments: ['production'] }),
    );
    const copy = await scratch();
    await cp(first.directory, copy, { recursive: true });
    await rm(join(copy, 'projection.db'), { force: true });
    const database = new DatabaseSync(join(copy, 'changes.db'));
    database.exec("UPDATE changes SET body = '{', hash = '' WHERE project = 'shop' AND revision = 4");
    database.close();

    const second = await shop(copy);
    expect(second.catalog.troubles()).toEqual([{ project: 'shop', trouble: 'damaged' }]);
    expect([...(second.catalog.snapshot('shop', 'production')?.flags.keys() ?? [])]).toEqual(['f1', 'f2']);
    await expect(take(second, ['flag', 4])).resolves.toBeUndefined();
    expect(second.catalog.state('shop').revision).toBe(3);
    await second.commit('other', createFlag(flag('fine')));
    expect(second.catalog.snapshot('other', 'production')?.flags.has('fine')).toBe(true);
    second.clock.advance(2_000);
    await expect.poll(() => second.catalog.stalenessMs('other')).toBe(0);
    expect(second.catalog.stalenessMs('shop')).toBe(0xffff_ffff);
    expect(second.reports).toEqual(['the log is damaged']);
  });
});

describe('a project that another process made', () => {
  it('is known with its keys when it was restored from the projection', async () => {
    const first = await shop();
    const second = await openInstance({ directory: first.directory });
    open.push(() => second[Symbol.asyncDispose]());
    const project = createProject({ key: 'late', name: '', description: '', environments: ['production'] });
    await first.commit('late', project);
    const { token, id, secret } = mintToken('admin', randomBytes);
    await first.commit('late', () => ({
      operations: [
        {
          op: 'put',
          object: {
            kind: 'key',
            state: {
              ...{ id, kind: 'admin', name: '', scopes: ['read'], allowedOrigins: [] },
              ...{ secretHash: hashSecret(PEPPER, secret), createdAt: '2030-01-01T00:00:00.000Z' },
            },
          },
        },
      ],
    }));
    await first.projector.flush();
    second.clock.advance(2_000);
    await expect.poll(() => second.catalog.projects().length).toBe(2);
    expect(second.access.authenticate(token)).toMatchObject({ project: 'late', keyId: id });
  });
});

describe('the writer', () => {
  it('lets many writers through one after the other, each on the state that the last one left', async () => {
    const instance = await shop();
    await take(instance, ['flag', 1]);
    const tag =
      (name: string): Plan =>
      (state, now) => {
        const current = state.flags.get('f1')?.state;
        if (current === undefined) throw new Error('no flag');
        const next = { ...current, tags: [...current.tags, name], updatedAt: now };
        return { operations: [{ op: 'put', object: { kind: 'flag', state: next } }] };
      };
    const names = Array.from({ length: 30 }, (_, index) => `t${index}`);
    const second = await shop(instance.directory);
    await Promise.all(names.map((name, index) => (index % 2 ? instance : second).commit('shop', tag(name))));
    const { state, revision } = { state: await instance.catalog.catchUp('shop'), revision: 32 };
    expect(state.revision).toBe(revision);
    expect([...(state.flags.get('f1')?.state.tags ?? [])].sort()).toEqual(names.sort());
  });

  it('answers a repeated call with the revision of the first, and refuses the same key for something else', async () => {
    const instance = await shop();
    const intent = {
      ...{ project: 'shop', action: 'x', actor: 'x', reason: '', validateOnly: false, mayHalt: true },
      ...{ idempotencyKey: 'once', requestDigest: 'a' },
    };
    const plan = createSegment({ key: 's1', name: '', description: '', included: [], excluded: [] });
    const first = await instance.writer.commit(intent, plan);
    const again = await instance.writer.commit(intent, plan);
    expect([again.revision, again.replayed]).toEqual([first.revision, true]);
    await expect(instance.writer.commit({ ...intent, requestDigest: 'b' }, plan)).rejects.toMatchObject({
      kind: 'invalid',
      details: { reason: 'IDEMPOTENCY_KEY_REUSED' },
    });
  });

  it('writes nothing for a plan that changes nothing', async () => {
    const instance = await shop();
    await take(instance, ['flag', 1]);
    await take(instance, ['halt', 1]);
    const again = await instance.commit(
      'shop',
      haltFlag({ environment: 'production', flag: 'f1' }, { by: 'z', reason: 'z' }),
    );
    expect(again).toMatchObject({ unchanged: true, revision: 3 });
    expect(instance.catalog.state('shop').revision).toBe(3);
  });

  it('halts a flag that would not be accepted today', async () => {
    const instance = await shop();
    await take(instance, ['flag', 1]);
    const { state: settings } = instance.catalog.state('shop').settings.get('production')?.get('f1') ?? {};
    const prerequisites = [{ flag: 'gone', variations: ['on'] }];
    await smuggle(instance, [
      {
        op: 'put',
        object: { kind: 'settings', environment: 'production', state: { ...settings, prerequisites } },
      },
    ]);
    const at = { environment: 'production', flag: 'f1' };
    await instance.commit('shop', haltFlag(at, { by: '', reason: 'stop' }));
    expect(instance.catalog.snapshot('shop', 'production')?.flags.get('f1')?.settings.halt?.reason).toBe(
      'stop',
    );
    const rule = {
      id: 'r',
      name: '',
      priority: 1,
      serve: { kind: 'variation', variation: 'on' },
      recordExposures: true,
    } as const;
    await expect(instance.commit('shop', createRule(at, rule))).rejects.toMatchObject({ kind: 'invalid' });
  });

  it('changes nothing in an archived project until it is restored', async () => {
    const instance = await shop();
    await instance.commit('shop', archiveProject());
    await expect(instance.commit('shop', createFlag(flag('f1')))).rejects.toMatchObject({
      kind: 'failed_precondition',
      details: { reason: 'ARCHIVED' },
    });
    await instance.commit('shop', restoreProject());
    await instance.commit('shop', createFlag(flag('f1')));
    expect(instance.catalog.snapshot('shop', 'production')?.flags.has('f1')).toBe(true);
  });

  it('keeps the time of the log from going back with the clock', async () => {
    const instance = await shop();
    const before = instance.catalog.state('shop').time;
    instance.clock.jump(-3_600_000);
    await take(instance, ['flag', 1]);
    expect(instance.catalog.state('shop').time).toBe(before);
  });
});

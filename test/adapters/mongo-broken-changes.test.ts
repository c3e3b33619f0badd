import { type Document, Long } from 'mongodb';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { createMongoChangeLog } from '../../src/adapters/mongo/mongo-change-log.ts';
import { openMongo } from '../../src/adapters/mongo/open-mongo.ts';
import { hashOf } from '../../src/app/change-hash.ts';
import { createFlag } from '../../src/app/manage/flags.ts';
import { createProject } from '../../src/app/manage/projects.ts';
import { haltFlag } from '../../src/app/manage/settings.ts';
import { canonicalJson } from '../../src/core/canonical-json.ts';
import type { Change } from '../../src/core/change.ts';
import { Evaluation } from '../../src/core/evaluation.ts';
import { type Instance, openInstance } from '../support/instance.ts';
import { mongoServerOrSkip, openTestDatabase, type TestDatabase } from '../support/mongo-server.ts';
import { onFlag } from '../support/shop.ts';

/** Documents that somebody has put into the collection by hand: each where the next change would be. */

const uri = await mongoServerOrSkip();
const FLAGS = ['checkout', 'search', 'other'];
const HEAD = 4;
const BROKEN = HEAD + 1;

let database: TestDatabase;
let replicas: Instance[];

async function openReplica(): Promise<Instance> {
  const mongo = openMongo({ uri: database.uri, database: database.name });
  const log = createMongoChangeLog(mongo);
  const closing = async () => {
    await log[Symbol.asyncDispose]();
    await mongo[Symbol.asyncDispose]();
  };
  const instance = await openInstance({ log: { ...log, [Symbol.asyncDispose]: closing } });
  replicas.push(instance);
  return instance;
}

beforeEach(async () => {
  database = openTestDatabase(uri ?? '');
  replicas = [];
  const writing = await openReplica();
  const environments = ['production'];
  await writing.commit('shop', createProject({ key: 'shop', name: '', description: '', environments }));
  for (const flag of FLAGS) await writing.commit('shop', createFlag(onFlag(flag)));
  await writing.commit('bank', createProject({ key: 'bank', name: '', description: '', environments }));
  const following = await openReplica();
  expect(following.catalog.state('shop').revision).toBe(HEAD);
});

afterEach(async () => {
  for (const replica of replicas) await replica[Symbol.asyncDispose]();
  await database[Symbol.asyncDispose]();
});

function changes() {
  return database.client.db(database.name).collection('changes');
}

function settings(flag: string) {
  const found = replicas[0]?.catalog.state('shop').settings.get('production')?.get(flag)?.state;
  if (found === undefined) throw new Error(`no settings of ${flag}`);
  return found;
}

const put = (state: unknown) => ({
  op: 'put',
  object: { kind: 'settings', environment: 'production', state },
});

const rule = (id: string, condition?: unknown) => ({
  ...{ id, name: '', priority: 1, recordExposures: true, ...(condition !== undefined && { condition }) },
  serve: { kind: 'variation', variation: 'off' },
});

const clause = (operator: string, value: unknown) => ({
  ...{ kind: 'clause', attribute: 'plan', operator, values: [value] },
});

/** The next change, with these operations. */
function next(operations: readonly unknown[], more: Readonly<Record<string, unknown>> = {}): Change {
  const state = replicas[0]?.catalog.state('shop');
  if (state === undefined) throw new Error('no state');
  const unsealed = {
    ...{ format: 1 as const, project: 'shop', revision: BROKEN, action: 'x', actor: 'somebody', reason: '' },
    ...{ time: state.time, idempotencyKey: 'by hand', requestDigest: '', previousHash: state.hash },
    operations: operations as Change['operations'],
    ...more,
  };
  return { ...unsealed, hash: hashOf(unsealed) };
}

/** As the adapter would write it. */
function documentOf(change: Change): Document {
  const { project, revision, action, actor, reason, time, idempotencyKey, hash } = change;
  return {
    ...{ format: 1, project, revision: Long.fromNumber(revision), action, actor, reason, time },
    ...{ idempotencyKey, hash, body: canonicalJson(change) },
  };
}

const checkoutWith = (more: object) => documentOf(next([put({ ...settings('checkout'), ...more })]));

interface Answer {
  readonly value: unknown;
  readonly reason: string;
  readonly errorCode: string | undefined;
  readonly detail: string;
}

function answerOf({ catalog }: Instance, flag: string): Answer | undefined {
  const snapshot = catalog.snapshot('shop', 'production');
  if (snapshot === undefined) return undefined;
  return new Evaluation(snapshot, { targetingKey: 'anna', attributes: { plan: 'pro' } }, 0).flag(flag);
}

/** What is as it was: the definition before, or its default value with an error. */
type Outcome = 'as before' | 'as before, and says so' | 'an error' | 'an answer';

const CASES: readonly [string, () => Document, Outcome][] = [
  ['a body that is no JSON', () => ({ ...checkoutWith({}), body: '{"format":1,' }), 'as before'],
  ['a body that is null', () => ({ ...checkoutWith({}), body: null }), 'as before'],
  ['no body', () => ({ ...checkoutWith({}), body: undefined }), 'as before'],
  ['a body that is an object', () => ({ ...checkoutWith({}), body: { format: 1 } }), 'as before'],
  ['a document of another format', () => ({ ...checkoutWith({}), format: 7 }), 'as before'],
  ['a change of another format', () => documentOf(next([], { format: 7 })), 'as before'],
  ['another hash than its change', () => ({ ...checkoutWith({}), hash: 'f'.repeat(64) }), 'as before'],
  [
    'a definition that was edited by hand',
    () => {
      const document = checkoutWith({ enabled: true });
      return { ...document, body: document.body.replace('"enabled":true', '"enabled":false') };
    },
    'as before, and says so',
  ],
  [
    'an operator that is not known',
    () => checkoutWith({ rules: [rule('r', clause('sounds_like', 'pro'))] }),
    'as before, and says so',
  ],
  ['settings that are null', () => documentOf(next([put(null)])), 'as before'],
  [
    'prerequisites in a circle',
    () => {
      const needs = (flag: string) => ({ prerequisites: [{ flag, variations: ['on'] }] });
      const operations = [
        put({ ...settings('checkout'), ...needs('other') }),
        put({ ...settings('other'), ...needs('checkout') }),
      ];
      return documentOf(next(operations));
    },
    'an answer',
  ],
  [
    'a pattern of a million characters',
    () => checkoutWith({ rules: [rule('r', clause('matches', 'a'.repeat(1_000_000)))] }),
    'an error',
  ],
  [
    'a pattern that never ends',
    () => checkoutWith({ rules: [rule('r', clause('matches', '(a+)+\\1$'))] }),
    'an error',
  ],
  [
    'a rule for a variation that there is not',
    () => checkoutWith({ rules: [{ ...rule('r'), serve: { kind: 'variation', variation: 'gone' } }] }),
    'an error',
  ],
];

describe.skipIf(uri === undefined)('a document in MongoDB with', () => {
  it.each(CASES)(
    '%s harms one flag at most, and the next halt is made and seen by all',
    async (_, make, outcome) => {
      await changes().insertOne(make());
      const [writing, following] = replicas;
      if (writing === undefined || following === undefined) throw new Error('no replicas');
      const halt = haltFlag({ environment: 'production', flag: 'search' }, { by: 'anna', reason: 'fire' });
      expect((await writing.commit('shop', halt, 'flag.halt')).revision).toBe(BROKEN + 1);
      await following.catalog.refresh();
      const fresh = await openReplica();
      for (const replica of [writing, following, fresh]) {
        expect(replica.catalog.state('shop').revision).toBe(BROKEN + 1);
        expect(replica.catalog.state('bank').revision).toBe(1);
        expect(replica.catalog.troubles()).toEqual([]);
        expect(answerOf(replica, 'search')).toMatchObject({ reason: 'HALTED', value: true });
        const answer = answerOf(replica, 'checkout');
        const isRead = outcome === 'an error' || outcome === 'an answer';
        if (outcome === 'an error') expect(answer).toMatchObject({ errorCode: 'PARSE_ERROR' });
        else if (outcome === 'an answer') expect(answer).toMatchObject({ value: true });
        else expect(answer).toMatchObject({ value: true, reason: 'DEFAULT' });
        const told = outcome === 'as before, and says so' ? `revision ${BROKEN} is not understood` : '';
        expect(answer?.detail).toContain(told);
        if (!isRead) {
          expect(replica.catalog.problems()).toMatchObject([{ project: 'shop', revision: BROKEN }]);
          expect(replica.reports).toEqual(['something in the log is not understood']);
        }
      }
    },
  );

  it('ten thousand rules is evaluated, and keeps the others from nothing', async () => {
    const rules = Array.from({ length: 10_000 }, (_, index) =>
      rule(`rule-${index}`, clause('eq', `plan-${index}`)),
    );
    await changes().insertOne(checkoutWith({ rules }));
    const [writing] = replicas;
    if (writing === undefined) throw new Error('no replica');
    const at = { environment: 'production', flag: 'checkout' };
    await writing.commit('shop', haltFlag(at, { by: 'anna', reason: 'fire' }), 'flag.halt');
    expect(answerOf(writing, 'checkout')).toMatchObject({ reason: 'HALTED' });
    expect(answerOf(writing, 'other')).toMatchObject({ value: true });
  });
});

describe.skipIf(uri === undefined)('a document in MongoDB without a usable', () => {
  it.each<[string, () => Document]>([
    ['hash', () => ({ ...checkoutWith({}), hash: 7, body: '{' })],
    ['revision: text', () => ({ ...checkoutWith({}), revision: '99' })],
    ['revision: far ahead', () => ({ ...checkoutWith({}), revision: Long.fromNumber(1_000) })],
    ['revision: a fraction', () => ({ ...checkoutWith({}), revision: 4.5 })],
    ['project', () => ({ ...checkoutWith({}), project: 7 })],
  ])('%s empties no replica, and does not concern other projects', async (_, make) => {
    const { insertedId } = await changes().insertOne(make());
    const [writing] = replicas;
    const fresh = await openReplica();
    for (const replica of [writing, fresh]) {
      if (replica === undefined) throw new Error('no replica');
      await replica.catalog.refresh();
      expect(answerOf(replica, 'checkout')).toMatchObject({ value: true });
      await replica.commit('bank', createFlag(onFlag(`flag-${replicas.indexOf(replica)}`)));
    }
    await changes().deleteOne({ _id: insertedId });
    const halt = haltFlag({ environment: 'production', flag: 'search' }, { by: 'anna', reason: 'fire' });
    await writing?.commit('shop', halt, 'flag.halt');
    await fresh.catalog.refresh();
    expect(answerOf(fresh, 'search')).toMatchObject({ reason: 'HALTED' });
    for (const { catalog } of replicas) expect(catalog.troubles()).toEqual([]);
  });
});

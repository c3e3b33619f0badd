import type { Collection, Document } from 'mongodb';
import { describe, expect, it, vi } from 'vitest';
import { createMongoProjection } from '../../src/adapters/mongo/mongo-projection.ts';
import { Mongo, openMongo, type Reading } from '../../src/adapters/mongo/open-mongo.ts';
import type { WriterOptions } from '../../src/adapters/mongo/projection-writer.ts';
import type { Operation } from '../../src/core/change.ts';
import { FlagError } from '../../src/core/errors.ts';
import type { Position, ProjectedState, Projection, StoredObject } from '../../src/ports/projection.ts';
import { appliedTo, EMPTY_STATE, standing } from '../contract/folded-state.ts';
import { expectState } from '../contract/projection-model.ts';
import { flagObject } from '../contract/samples.ts';
import { mongoServerOrSkip, openTestDatabase, type TestDatabase } from '../support/mongo-server.ts';

const uri = await mongoServerOrSkip();

const START: Position = { revision: 0, hash: '' };
const FIRST: Position = { revision: 1, hash: 'hash-1' };
const SECOND: Position = { revision: 2, hash: 'hash-2' };

const put = (key: string, value: string | number = 1): Operation => ({
  op: 'put',
  object: flagObject(key, value),
});
const remove = (key: string): Operation => ({ op: 'delete', id: { kind: 'flag', environment: '', key } });

/** Lets so many operations through; then the process that it belongs to is dead. */
class MortalMongo extends Mongo {
  #left: number;

  constructor(database: TestDatabase, operations: number) {
    super(openMongo({ uri: database.uri, database: database.name }).client, database.name, 5_000);
    this.#left = operations;
  }

  override async run<T>(work: (reading: Reading) => Promise<T>): Promise<T> {
    if (this.#left-- <= 0) throw new FlagError('unavailable', 'this process is dead');
    return await super.run(work);
  }
}

/** Does so many operations, and one more whose answer is lost; then all is well again. */
class ForgetfulMongo extends Mongo {
  #left: number;

  constructor(database: TestDatabase, operations: number) {
    super(openMongo({ uri: database.uri, database: database.name }).client, database.name, 5_000);
    this.#left = operations;
  }

  override async run<T>(work: (reading: Reading) => Promise<T>): Promise<T> {
    const result = await super.run(work);
    if (this.#left-- === 0) throw new FlagError('unavailable', 'the answer was lost');
    return result;
  }
}

/** Lets so many operations through, and the next one only once it is woken. */
class SleepingMongo extends Mongo {
  readonly #sleep = Promise.withResolvers<void>();
  readonly #asleep = Promise.withResolvers<void>();
  readonly asleep = this.#asleep.promise;
  #left: number;

  constructor(database: TestDatabase, operations: number) {
    super(openMongo({ uri: database.uri, database: database.name }).client, database.name, 5_000);
    this.#left = operations;
  }

  wake(): void {
    this.#sleep.resolve();
  }

  override async run<T>(work: (reading: Reading) => Promise<T>): Promise<T> {
    if (this.#left-- === 0) {
      this.#asleep.resolve();
      await this.#sleep.promise;
    }
    return await super.run(work);
  }
}

interface Opened extends AsyncDisposable {
  readonly projection: Projection;
}

function openOn(mongo: Mongo, options?: Partial<WriterOptions>): Opened {
  return {
    projection: createMongoProjection(mongo, options),
    [Symbol.asyncDispose]: () => mongo[Symbol.asyncDispose](),
  };
}

function openOf(database: TestDatabase, options?: Partial<WriterOptions>): Opened {
  return openOn(openMongo({ uri: database.uri, database: database.name }), options);
}

function flagsOf(database: TestDatabase): Collection<Document> {
  return database.client.db(database.name).collection('flags');
}

const BEFORE = appliedTo(EMPTY_STATE, FIRST, [put('changed'), put('deleted'), put('kept')]);
const OPERATIONS = [put('changed', 'new'), remove('deleted'), put('added')];

const WAYS: [string, (projection: Projection, project: string) => Promise<unknown>, ProjectedState][] = [
  [
    'an apply',
    (projection, project) => projection.apply(project, FIRST, SECOND, OPERATIONS),
    appliedTo(BEFORE, SECOND, OPERATIONS),
  ],
  [
    'a reset',
    (projection, project) => projection.reset(project, SECOND, reset),
    {
      ...SECOND,
      objects: [
        { object: flagObject('changed', 'new'), version: 2 },
        { object: flagObject('kept'), version: 1 },
      ],
    },
  ],
];
const reset: StoredObject[] = [
  { object: flagObject('changed', 'new'), version: 2 },
  { object: flagObject('kept'), version: 1 },
];

describe.skipIf(uri === undefined)('the MongoDB projection', () => {
  it.each(WAYS)(
    'stands where it did or where it shall, whichever operation of %s is the last of a process',
    async (_way, change, after) => {
      await using database = openTestDatabase(uri ?? '');
      await using reader = openOf(database, { leaseMs: 0 });
      await using warm = openOf(database);
      let died = 0;
      for (let operations = 0; ; operations++) {
        const project = `after-${operations}`;
        expect(
          await warm.projection.apply(
            project,
            START,
            FIRST,
            BEFORE.objects.map(({ object }) => ({ op: 'put', object })),
          ),
        ).toBe(true);
        await using mortal = openOn(new MortalMongo(database, 7 + operations));
        const isDone = await change(mortal.projection, project).then(
          () => true,
          (error) => {
            expect(error).toMatchObject({ message: 'this process is dead' });
            died++;
            return false;
          },
        );
        const at = await reader.projection.at(project);
        const model = at?.revision === 2 ? after : BEFORE;
        await expectState(reader.projection, project, model);
        if (isDone) expect(model).toBe(after);
        await expectGoesOn(reader.projection, project, model);
        if (isDone && operations > died + 2) break;
      }
      expect(died).toBeGreaterThanOrEqual(4);
    },
    60_000,
  );

  it.each(WAYS)(
    'stands where it did or where it shall, whichever answer to %s is lost',
    async (_way, change, after) => {
      await using database = openTestDatabase(uri ?? '');
      await using reader = openOf(database, { leaseMs: 0 });
      const all = BEFORE.objects.map(({ object }): Operation => ({ op: 'put', object }));
      let lost = 0;
      for (let operations = 0; operations === 0 || lost === operations; operations++) {
        const project = `after-${operations}`;
        await reader.projection.apply(project, START, FIRST, all);
        await using forgetful = openOn(new ForgetfulMongo(database, 7 + operations));
        await change(forgetful.projection, project).catch(() => lost++);
        const at = await reader.projection.at(project);
        const model = at?.revision === 2 ? after : BEFORE;
        await expectState(reader.projection, project, model);
        await expectGoesOn(reader.projection, project, model);
      }
      expect(lost).toBeGreaterThanOrEqual(4);
    },
    60_000,
  );

  /** Somebody else goes on from there, once the dead writer's time is over. */
  async function expectGoesOn(projection: Projection, project: string, model: ProjectedState): Promise<void> {
    const to = { revision: model.revision + 1, hash: 'onward' };
    const operations = [put('kept', 'onward'), put('deleted', 'again')];
    await vi.waitFor(async () =>
      expect(await projection.apply(project, standing(model), to, operations)).toBe(true),
    );
    await expectState(projection, project, appliedTo(model, to, operations));
  }

  it('waits for a writer that is at it, and takes over from one that has died', async () => {
    await using database = openTestDatabase(uri ?? '');
    await using mortal = openOn(new MortalMongo(database, 7 + 5));
    await using patient = openOf(database, { busyPatienceMs: 0 });
    await using successor = openOf(database, { leaseMs: 0 });
    await expect(mortal.projection.apply('shop', START, FIRST, [put('a')])).rejects.toThrow('dead');
    expect(await patient.projection.apply('shop', START, FIRST, [put('a')])).toBe(false);
    await expect(patient.projection.reset('shop', FIRST, [])).rejects.toMatchObject({
      kind: 'unavailable',
      details: { reason: 'STORE_BUSY' },
    });
    await vi.waitFor(() => successor.projection.reset('shop', SECOND, reset));
    await expectState(patient.projection, 'shop', { ...SECOND, objects: reset });
  });

  it('is not disturbed by a writer that comes back after it was taken for dead', async () => {
    await using database = openTestDatabase(uri ?? '');
    await using successor = openOf(database, { leaseMs: 0 });
    const all = BEFORE.objects.map(({ object }): Operation => ({ op: 'put', object }));
    for (const operations of [1, 2]) {
      const project = `after-${operations}`;
      await successor.projection.apply(project, START, FIRST, all);
      const sleeping = new SleepingMongo(database, 7 + operations);
      await using sleeper = openOn(sleeping);
      const slept = sleeper.projection.apply(project, FIRST, SECOND, OPERATIONS);
      await sleeping.asleep;
      const rival = [put('kept', 'rival'), put('changed', 'rival')];
      const to = { revision: 2, hash: 'rival' };
      await vi.waitFor(async () =>
        expect(await successor.projection.apply(project, FIRST, to, rival)).toBe(true),
      );
      sleeping.wake();
      await expect(slept).rejects.toMatchObject({ kind: 'unavailable', details: { reason: 'STORE_BUSY' } });
      await expectState(successor.projection, project, appliedTo(BEFORE, to, rival));
    }
  });

  it.each<[string, (flags: Collection<Document>) => Promise<unknown>]>([
    [
      'an object was changed',
      (flags) =>
        flags.updateOne({ key: 'a' }, [
          { $set: { json: { $replaceOne: { input: '$json', find: 'true', replacement: 'false' } } } },
        ]),
    ],
    ['an object is no JSON', (flags) => flags.updateOne({ key: 'a' }, { $set: { json: '{' } })],
    ['an object is no text', (flags) => flags.updateOne({ key: 'a' }, { $set: { json: 1 } })],
    ['a version was changed', (flags) => flags.updateOne({ key: 'a' }, { $inc: { version: 1 } })],
    ['a key was changed', (flags) => flags.updateOne({ key: 'a' }, { $set: { key: 'A' } })],
    ['an object is gone', (flags) => flags.deleteOne({ key: 'a' })],
    [
      'an object was added',
      async (flags) =>
        flags.insertOne({ ...(await flags.findOne({ key: 'a' }, { projection: { _id: 0 } })), key: 'c' }),
    ],
  ])('has no state to load when %s', async (_case, damage) => {
    await using database = openTestDatabase(uri ?? '');
    await using opened = openOf(database);
    const { projection } = opened;
    await projection.apply('shop', START, FIRST, [put('a', 'true'), put('b')]);
    expect(await projection.load('shop')).toBeDefined();
    await damage(flagsOf(database));
    expect(await projection.load('shop')).toBeUndefined();
    await projection.apply('shop', FIRST, SECOND, [put('d')]);
    expect(await projection.load('shop')).toBeUndefined();
    await projection.reset('shop', SECOND, reset);
    await expectState(projection, 'shop', { ...SECOND, objects: reset });
  });

  it('is left alone by a program that is older than its format', async () => {
    await using database = openTestDatabase(uri ?? '');
    await using opened = openOf(database);
    const { projection } = opened;
    await projection.apply('shop', START, FIRST, [put('a')]);
    await database.client
      .db(database.name)
      .collection('projections')
      .updateOne({}, { $set: { format: 2 } });
    for (const work of [
      () => projection.apply('shop', FIRST, SECOND, [put('b')]),
      () => projection.reset('shop', SECOND, []),
    ])
      await expect(work()).rejects.toMatchObject({
        kind: 'failed_precondition',
        message:
          'the projection of project shop has format 2, and this program knows 1 at most: use a newer one',
        details: { reason: 'SCHEMA_TOO_NEW' },
      });
    expect(await projection.load('shop')).toBeUndefined();
    expect(await flagsOf(database).countDocuments()).toBe(1);
  });

  it('shows people definitions as documents, and parts that MongoDB cannot hold as text', async () => {
    await using database = openTestDatabase(uri ?? '');
    await using opened = openOf(database);
    const value = { plain: [1, { ok: 'yes' }], strange: { 'a.b': 1 }, worse: { $where: 'x' } };
    await opened.projection.apply('shop', START, FIRST, [
      { op: 'put', object: flagObject('banner', value) },
      put('gone'),
    ]);
    await opened.projection.apply('shop', FIRST, SECOND, [remove('gone')]);
    const documents = await flagsOf(database).find({ project: 'shop' }).toArray();
    expect(documents).toHaveLength(1);
    expect(documents[0]).toMatchObject({ format: 1, project: 'shop', key: 'banner', version: 1 });
    expect(documents[0]?.definition).toMatchObject({
      type: 'json',
      variations: [{ value: { plain: [1, { ok: 'yes' }], strange: '{"a.b":1}', worse: '{"$where":"x"}' } }],
    });
    expect(documents[0]).not.toHaveProperty('was');
  });
});

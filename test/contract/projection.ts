import fc from 'fast-check';
import { expect } from 'vitest';
import type { ObjectState, Operation } from '../../src/core/change.ts';
import { initialSettings } from '../../src/core/model.ts';
import type { Position, ProjectedState, Projection } from '../../src/ports/projection.ts';
import { allDone, type Check, declareContract, type Store } from './contract.ts';
import { appliedTo, EMPTY_STATE, standing } from './folded-state.ts';
import { expectState, projectionModel } from './projection-model.ts';
import { CONFUSABLE, EXTREMES, flagObject, inCodePointOrder } from './samples.ts';

/** A store that can also be harmed, as a bad disk would. */
export interface ProjectionStore extends Store<Projection> {
  /** Alters an object of this project behind the projection's back. The project has one. */
  damage(project: string): Promise<void>;
}

const START: Position = { revision: 0, hash: '' };
const MANY = 2_000;
const APPLIERS = 20;

function at(revision: number): Position {
  return { revision, hash: `hash-${revision}` };
}

function put(object: ObjectState): Operation {
  return { op: 'put', object };
}

function settingsObject(environment: string, flag: string, salt: string): ObjectState {
  return { kind: 'settings', environment, state: { ...initialSettings(flag), salt } };
}

function remove(key: string): Operation {
  return { op: 'delete', id: { kind: 'flag', environment: '', key } };
}

/** Applies to both, and demands that the projection says it did. */
async function advance(
  projection: Projection,
  model: ProjectedState,
  operations: readonly Operation[],
): Promise<ProjectedState> {
  const to = at(model.revision + 1);
  expect(await projection.apply('shop', standing(model), to, operations)).toBe(true);
  return appliedTo(model, to, operations);
}

const applyChecks: readonly Check<ProjectionStore>[] = [
  {
    title: 'stands at revision 0 with an empty hash before its first state',
    async run(store) {
      await using projection = await store.open();
      expect(await projection.load('shop')).toBeUndefined();
      expect(await projection.apply('shop', at(0), at(1), [])).toBe(false);
      expect(await projection.apply('shop', at(1), at(2), [])).toBe(false);
      expect(await projection.load('shop')).toBeUndefined();
      expect(await projection.projects()).toEqual([]);
      await expectState(projection, 'shop', await advance(projection, EMPTY_STATE, [put(flagObject('a'))]));
    },
  },
  {
    title: 'puts and deletes objects in order, with the revision that last changed each as its version',
    async run(store) {
      await using projection = await store.open();
      let model = await advance(projection, EMPTY_STATE, [put(flagObject('a')), put(flagObject('b'))]);
      model = await advance(projection, model, [put(flagObject('b', 2)), put(flagObject('c'))]);
      await expectState(projection, 'shop', model);
      model = await advance(projection, model, [remove('a'), remove('never-there')]);
      model = await advance(projection, model, []);
      await expectState(projection, 'shop', model);
      model = await advance(projection, model, [
        put(flagObject('d', 1)),
        put(flagObject('d', 2)),
        remove('c'),
        put(flagObject('c', 'again')),
        put(flagObject('e')),
        remove('e'),
      ]);
      await expectState(projection, 'shop', model);
    },
  },
  {
    title: 'changes nothing, and says so, unless it stands at exactly the position that an apply starts from',
    async run(store) {
      await using projection = await store.open();
      let model = await advance(projection, EMPTY_STATE, [put(flagObject('a'))]);
      model = await advance(projection, model, [put(flagObject('b'))]);
      const elsewhere = [
        START,
        at(1),
        at(3),
        { revision: 2, hash: 'other' },
        { revision: 1, hash: 'hash-2' },
      ];
      for (const from of elsewhere) {
        expect(await projection.apply('shop', from, at(9), [put(flagObject('x')), remove('a')])).toBe(false);
        await expectState(projection, 'shop', model);
      }
    },
  },
  {
    title:
      'lets exactly one of several concurrent applies from one position through, from any number of handles',
    async run(store) {
      await using one = await store.open();
      await using other = await store.open();
      const model = await advance(one, EMPTY_STATE, [put(flagObject('a'))]);
      const to = (index: number) => ({ revision: 2, hash: `rival-${index}` });
      const operations = (index: number) => [put(flagObject(`rival-${index}`)), remove('a')];
      const results = await Promise.all(
        Array.from({ length: APPLIERS }, (_, index) =>
          (index % 2 === 0 ? one : other).apply('shop', standing(model), to(index), operations(index)),
        ),
      );
      expect(results.filter((applied) => applied)).toHaveLength(1);
      const winner = results.indexOf(true);
      await expectState(other, 'shop', appliedTo(model, to(winner), operations(winner)));
    },
  },
  {
    title: 'tells projects, environments and keys apart byte for byte and case-sensitively',
    async run(store) {
      await using projection = await store.open();
      const models = CONFUSABLE.map((name) => {
        const operations = CONFUSABLE.flatMap((other) => [
          put(settingsObject(other, 'banner', `in ${other}`)),
          put(settingsObject('production', other, `of ${other}`)),
        ]);
        return { name, operations: [put(flagObject(name)), put(segmentObject(name)), ...operations] };
      });
      for (const { name, operations } of models)
        expect(await projection.apply(name, START, at(1), operations)).toBe(true);
      for (const { name, operations } of models)
        await expectState(projection, name, appliedTo(EMPTY_STATE, at(1), operations));
    },
  },
];

function segmentObject(key: string): ObjectState {
  const dates = { createdAt: '2026-01-01T00:00:00.000Z', updatedAt: '2026-01-01T00:00:00.000Z' };
  const state = { key, name: key, description: '', included: [], excluded: [], archived: false, ...dates };
  return { kind: 'segment', state };
}

const resetChecks: readonly Check<ProjectionStore>[] = [
  {
    title: 'replaces whatever there is by the state of a reset, earlier revisions included',
    async run(store) {
      await using projection = await store.open();
      const model = await advance(projection, EMPTY_STATE, [put(flagObject('a')), put(flagObject('b'))]);
      expect(await projection.apply('other', START, at(1), [put(flagObject('kept'))])).toBe(true);
      const states: ProjectedState[] = [
        {
          ...at(7),
          objects: [
            { object: flagObject('b', 'new'), version: 5 },
            { object: flagObject('c'), version: 7 },
          ],
        },
        { ...at(3), objects: [{ object: flagObject('c', 'old'), version: 2 }] },
        { ...at(4), objects: [] },
      ];
      await expectState(projection, 'shop', model);
      for (const state of states) {
        await projection.reset('shop', standing(state), state.objects);
        await expectState(projection, 'shop', state);
      }
      expect(await projection.apply('shop', at(4), at(5), [put(flagObject('d'))])).toBe(true);
      await expectState(projection, 'other', appliedTo(EMPTY_STATE, at(1), [put(flagObject('kept'))]));
    },
  },
  {
    title: 'loads the state of the last apply or reset, also when it is opened again',
    async run(store) {
      let model: ProjectedState = {
        ...at(3),
        objects: CONFUSABLE.map((key) => ({ object: flagObject(key, key), version: 2 })),
      };
      {
        await using projection = await store.open();
        await projection.reset('shop', standing(model), model.objects);
        model = await advance(projection, model, [
          put(flagObject('extra', { '': [0.1, '\u{1f600}', null] })),
        ]);
      }
      await using projection = await store.open();
      await expectState(projection, 'shop', model);
      await expectState(projection, 'shop', await advance(projection, model, [remove('extra')]));
    },
  },
  {
    title: 'loads objects as they were applied, to the last code point and whatever their members are called',
    async run(store) {
      let model: ProjectedState = EMPTY_STATE;
      const extreme = (variation: number) => put(flagObject('extreme', { variation, of: EXTREMES }));
      const proto = put(flagObject('proto', JSON.parse('{"__proto__":{"$set":{"key":1}},"_id":1}')));
      {
        await using projection = await store.open();
        for (const variation of [1, 2]) model = await advance(projection, model, [extreme(variation), proto]);
      }
      await using projection = await store.open();
      await expectState(projection, 'shop', model);
      const texts = (await projection.load('shop'))?.objects.map((stored) => JSON.stringify(stored.object));
      expect(texts?.toString()).toContain('"__proto__":{"$set":{"key":1}}');
    },
  },
  {
    title: 'holds objects of four mebibytes',
    async run(store) {
      await using projection = await store.open();
      const text = `\u00e9${'v'.repeat(4 * 2 ** 20)}`;
      const [first, second] = [`${text}1`, `${text}2`];
      await advance(projection, EMPTY_STATE, [put(flagObject('a', first)), put(flagObject('b', first))]);
      const to = at(2);
      expect(await projection.apply('shop', at(1), to, [put(flagObject('a', second))])).toBe(true);
      const values = (await projection.load('shop'))?.objects.map(({ object }) =>
        object.kind === 'flag' ? [object.state.key, object.state.variations[0]?.value] : [],
      );
      // By a comparison of their own: where they differ, nobody would want to see how.
      expect(new Map(values?.map(([key, value]) => [key, value === (key === 'a' ? second : first)]))).toEqual(
        new Map([
          ['a', true],
          ['b', true],
        ]),
      );
    },
  },
  {
    title: 'says where the state of the last apply or reset stands',
    async run(store) {
      await using projection = await store.open();
      await using other = await store.open();
      expect(await projection.at('shop')).toBeUndefined();
      expect(await projection.apply('shop', at(1), at(2), [])).toBe(false);
      expect(await projection.at('shop')).toBeUndefined();
      await advance(projection, EMPTY_STATE, [put(flagObject('a'))]);
      expect(await other.at('shop')).toEqual(at(1));
      expect(await other.at('SHOP')).toBeUndefined();
      await other.reset('shop', at(7), []);
      expect(await projection.at('shop')).toEqual(at(7));
      expect(await projection.apply('shop', at(6), at(7), [])).toBe(false);
      expect(await projection.at('shop')).toEqual(at(7));
    },
  },
  {
    title: 'never loads a part of a state while applies and resets go on',
    async run(store) {
      await using writer = await store.open();
      await using reader = await store.open();
      const keys = Array.from({ length: MANY }, (_, index) => `flag-${index}`);
      const whole = (version: number) => keys.map((key) => ({ object: flagObject(key, version), version }));
      await writer.reset('shop', at(1), whole(1));
      let writing = true;
      async function write(): Promise<void> {
        for (let revision = 2; revision <= 8; revision += 2) {
          await writer.reset('shop', at(revision), whole(revision));
          const operations = whole(revision + 1).map(({ object }) => put(object));
          expect(await writer.apply('shop', at(revision), at(revision + 1), operations)).toBe(true);
        }
      }
      async function read(): Promise<void> {
        while (writing) {
          const state = await reader.load('shop');
          expect(state?.hash).toBe(`hash-${state?.revision}`);
          expect(state?.objects).toHaveLength(MANY);
          expect(new Set(state?.objects.map((stored) => stored.version))).toEqual(new Set([state?.revision]));
        }
      }
      const written = write().finally(() => {
        writing = false;
      });
      await allDone([written, read()]);
      expect((await reader.load('shop'))?.revision).toBe(9);
    },
  },
  {
    title: 'loads undefined if the state does not match its checksum, until it is reset',
    async run(store) {
      await using projection = await store.open();
      const model = await advance(projection, EMPTY_STATE, [put(flagObject('a')), put(flagObject('b'))]);
      await store.damage('shop');
      expect(await projection.load('shop')).toBeUndefined();
      await projection.reset('shop', standing(model), model.objects);
      await expectState(projection, 'shop', model);
    },
  },
  {
    title: 'returns every project that has a state, in code point order',
    async run(store) {
      await using projection = await store.open();
      expect(await projection.projects()).toEqual([]);
      for (const [index, project] of CONFUSABLE.entries()) {
        if (index % 2 === 0) expect(await projection.apply(project, START, at(1), [])).toBe(true);
        else await projection.reset(project, at(1), []);
      }
      expect(await projection.apply('refused', at(1), at(2), [])).toBe(false);
      expect(await projection.projects()).toEqual(inCodePointOrder(CONFUSABLE));
    },
  },
  {
    title: 'rejects every operation with unavailable once it is disposed',
    async run(store) {
      const projection = await store.open();
      const model = await advance(projection, EMPTY_STATE, [put(flagObject('a'))]);
      await projection[Symbol.asyncDispose]();
      const operations: (() => Promise<unknown>)[] = [
        () => projection.apply('shop', at(1), at(2), []),
        () => projection.reset('shop', at(1), []),
        () => projection.load('shop'),
        () => projection.at('shop'),
        () => projection.projects(),
      ];
      for (const operation of operations)
        await expect(operation()).rejects.toMatchObject({ name: 'FlagError', kind: 'unavailable' });
      await using again = await store.open();
      await expectState(again, 'shop', model);
    },
  },
  {
    title: 'does as a map in memory does, whatever is asked of it',
    async run(store) {
      await using projection = await store.open();
      let projects = 0;
      await fc.assert(
        fc.asyncProperty(projectionModel.steps, async (steps) => {
          await projectionModel.run(projection, `random-${projects++}`, steps);
        }),
        { numRuns: 25, seed: 7, interruptAfterTimeLimit: 5_000 },
      );
    },
  },
];

/** What the port `Projection` demands of every adapter. */
export const projectionChecks: readonly Check<ProjectionStore>[] = [...applyChecks, ...resetChecks];

/** Declares the suite for one adapter. */
export function declareProjectionContract(name: string, createStore: () => Promise<ProjectionStore>): void {
  declareContract(`${name} keeps the contract of the projection`, projectionChecks, createStore);
}

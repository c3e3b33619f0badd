import fc from 'fast-check';
import { expect } from 'vitest';
import { idOf, idString, type Operation } from '../../src/core/change.ts';
import type { ProjectedState, Projection, StoredObject } from '../../src/ports/projection.ts';
import { appliedTo, EMPTY_STATE, standing } from './folded-state.ts';
import { flagObject } from './samples.ts';

/** Demands that a project's state is this one; objects may come in any order. */
export async function expectState(
  projection: Projection,
  project: string,
  model: ProjectedState,
): Promise<void> {
  const loaded = await projection.load(project);
  const byId = (objects: readonly StoredObject[] = []) =>
    new Map(objects.map((stored) => [idString(idOf(stored.object)), stored]));
  expect(loaded && standing(loaded)).toEqual(standing(model));
  expect(byId(loaded?.objects)).toEqual(byId(model.objects));
  expect(loaded?.objects).toHaveLength(model.objects.length);
}

type Step =
  | { readonly kind: 'apply'; readonly stale: boolean; readonly edits: readonly Edit[] }
  | { readonly kind: 'reset'; readonly revision: number; readonly keys: readonly number[] }
  | { readonly kind: 'load' };

interface Edit {
  readonly key: number;
  readonly value: number | undefined;
}

const key = fc.nat({ max: 8 });
const edit: fc.Arbitrary<Edit> = fc.record({ key, value: fc.option(fc.nat(), { nil: undefined }) });

const steps: fc.Arbitrary<Step[]> = fc.array(
  fc.oneof(
    {
      weight: 6,
      arbitrary: fc.record({
        kind: fc.constant('apply' as const),
        stale: fc.oneof({ weight: 4, arbitrary: fc.constant(false) }, fc.constant(true)),
        edits: fc.array(edit, { maxLength: 5 }),
      }),
    },
    fc.record({
      kind: fc.constant('reset' as const),
      revision: fc.integer({ min: 1, max: 50 }),
      keys: fc.uniqueArray(key),
    }),
    fc.record({ kind: fc.constant('load' as const) }),
  ),
  { minLength: 5, maxLength: 20 },
);

function operationOf({ key: number, value }: Edit): Operation {
  const name = `flag-${number}`;
  return value === undefined
    ? { op: 'delete', id: { kind: 'flag', environment: '', key: name } }
    : { op: 'put', object: flagObject(name, value) };
}

/** Takes one step on both, and returns the model as it is then; undefined is no state. */
async function take(
  projection: Projection,
  project: string,
  model: ProjectedState | undefined,
  step: Step,
): Promise<ProjectedState | undefined> {
  switch (step.kind) {
    case 'apply': {
      const base = model ?? EMPTY_STATE;
      const to = { revision: base.revision + 1, hash: `hash-${base.revision + 1}` };
      const from = step.stale ? { revision: base.revision, hash: 'stale' } : standing(base);
      const operations = step.edits.map(operationOf);
      expect(await projection.apply(project, from, to, operations)).toBe(!step.stale);
      return step.stale ? model : appliedTo(base, to, operations);
    }
    case 'reset': {
      const objects = step.keys.map((number) => ({
        object: flagObject(`flag-${number}`, 'reset'),
        version: step.revision,
      }));
      const state = { revision: step.revision, hash: `reset-${step.revision}`, objects };
      await projection.reset(project, standing(state), objects);
      return state;
    }
    case 'load':
      if (model === undefined) expect(await projection.load(project)).toBeUndefined();
      else await expectState(projection, project, model);
      return model;
  }
}

/** A projection as a map in memory: what to ask at random, and a run that asks both and compares the answers. */
export const projectionModel = {
  steps,
  async run(projection: Projection, project: string, asked: readonly Step[]): Promise<void> {
    let model: ProjectedState | undefined;
    for (const step of asked) model = await take(projection, project, model, step);
    await take(projection, project, model, { kind: 'load' });
    expect((await projection.projects()).includes(project)).toBe(model !== undefined);
  },
};

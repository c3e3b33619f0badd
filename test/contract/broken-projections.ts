import { setImmediate as nextTurn } from 'node:timers/promises';
import type { Operation } from '../../src/core/change.ts';
import type { Position, ProjectedState, Projection } from '../../src/ports/projection.ts';
import type { SeededBug } from './contract.ts';

const START: Position = { revision: 0, hash: '' };

/** Alters the operations that are applied. */
function applying(projection: Projection, alter: (operations: readonly Operation[]) => readonly Operation[]) {
  const apply: Projection['apply'] = (project, from, to, operations) =>
    projection.apply(project, from, to, alter(operations));
  return { ...projection, apply };
}

/** Forgets the environment of settings. */
function withoutEnvironment(operation: Operation): Operation {
  if (operation.op === 'delete' || operation.object.kind !== 'settings') return operation;
  return { op: 'put', object: { ...operation.object, environment: 'any' } };
}

/** Each with one mistake. */
export const brokenProjections: readonly SeededBug<Projection>[] = [
  {
    bug: 'takes any position for the start of a project',
    foundBy: 'stands at revision 0 with an empty hash before its first state',
    wrap: (projection) => ({
      ...projection,
      async apply(project, from, to, operations) {
        const known = (await projection.projects()).includes(project);
        return projection.apply(project, known ? from : START, to, operations);
      },
    }),
  },
  {
    bug: 'ignores deletes',
    foundBy: 'puts and deletes objects in order, with the revision that last changed each as its version',
    wrap: (projection) => applying(projection, (operations) => operations.filter(({ op }) => op === 'put')),
  },
  {
    bug: 'applies deletes before puts',
    foundBy: 'puts and deletes objects in order, with the revision that last changed each as its version',
    wrap: (projection) =>
      applying(projection, (operations) =>
        operations.toSorted((a, b) => (a.op < b.op ? -1 : a.op > b.op ? 1 : 0)),
      ),
  },
  {
    bug: 'ignores from',
    foundBy:
      'changes nothing, and says so, unless it stands at exactly the position that an apply starts from',
    wrap: (projection) => ({
      ...projection,
      async apply(project, _from, to, operations) {
        return projection.apply(project, (await projection.load(project)) ?? START, to, operations);
      },
    }),
  },
  {
    bug: 'looks at the revision alone',
    foundBy:
      'changes nothing, and says so, unless it stands at exactly the position that an apply starts from',
    wrap: (projection) => ({
      ...projection,
      async apply(project, from, to, operations) {
        const at = (await projection.load(project)) ?? START;
        return projection.apply(project, at.revision === from.revision ? at : from, to, operations);
      },
    }),
  },
  {
    bug: 'says that it applied what came too late',
    foundBy:
      'lets exactly one of several concurrent applies from one position through, from any number of handles',
    wrap: (projection) => ({
      ...projection,
      apply: async (project, from, to, operations) =>
        (await projection.apply(project, from, to, operations)) || true,
    }),
  },
  {
    bug: 'mixes environments up',
    foundBy: 'tells projects, environments and keys apart byte for byte and case-sensitively',
    wrap: (projection) => applying(projection, (operations) => operations.map(withoutEnvironment)),
  },
  {
    bug: 'folds the case of projects',
    foundBy: 'tells projects, environments and keys apart byte for byte and case-sensitively',
    wrap: (projection) => ({
      ...projection,
      apply: (project, from, to, operations) => projection.apply(project.toLowerCase(), from, to, operations),
      load: (project) => projection.load(project.toLowerCase()),
    }),
  },
  {
    bug: 'keeps what was there when it is reset',
    foundBy: 'replaces whatever there is by the state of a reset, earlier revisions included',
    wrap: (projection) => ({
      ...projection,
      async reset(project, at, objects) {
        const before = await projection.load(project);
        await projection.reset(project, at, [...(before?.objects ?? []), ...objects]);
      },
    }),
  },
  {
    bug: 'keeps the last apply in memory',
    foundBy: 'loads the state of the last apply or reset, also when it is opened again',
    wrap: inMemory,
  },
  {
    bug: 'takes dollar signs out of names',
    foundBy:
      'loads objects as they were applied, to the last code point and whatever their members are called',
    wrap: (projection) =>
      applying(projection, (operations) => JSON.parse(JSON.stringify(operations).replaceAll('"$', '"'))),
  },
  {
    bug: 'leaves out what is large',
    foundBy: 'holds objects of four mebibytes',
    wrap: (projection) =>
      applying(projection, (operations) =>
        operations.filter((operation) => JSON.stringify(operation).length < 2 ** 22),
      ),
  },
  {
    bug: 'says where a reset would have to start',
    foundBy: 'says where the state of the last apply or reset stands',
    wrap: (projection) => ({ ...projection, at: async (project) => (await projection.at(project)) ?? START }),
  },
  {
    bug: 'loads in two halves',
    foundBy: 'never loads a part of a state while applies and resets go on',
    wrap: (projection) => ({
      ...projection,
      async load(project) {
        const first = await projection.load(project);
        for (let turn = 0; turn < 20; turn++) await nextTurn();
        const second = await projection.load(project);
        if (first === undefined || second === undefined) return undefined;
        const half = first.objects.length / 2;
        return { ...first, objects: [...first.objects.slice(0, half), ...second.objects.slice(half)] };
      },
    }),
  },
  {
    bug: 'falls back to what it loaded or applied before',
    foundBy: 'loads undefined if the state does not match its checksum, until it is reset',
    wrap(projection) {
      let last: ProjectedState | undefined;
      return {
        ...projection,
        async apply(project, from, to, operations) {
          const applied = await projection.apply(project, from, to, operations);
          last = await projection.load(project);
          return applied;
        },
        load: async (project) => (await projection.load(project)) ?? last,
      };
    },
  },
  {
    bug: 'orders projects by UTF-16 units',
    foundBy: 'returns every project that has a state, in code point order',
    wrap: (projection) => ({ ...projection, projects: async () => (await projection.projects()).toSorted() }),
  },
  {
    bug: 'has no projects once it is disposed',
    foundBy: 'rejects every operation with unavailable once it is disposed',
    wrap: (projection) => ({ ...projection, projects: () => projection.projects().catch(() => []) }),
  },
  {
    bug: 'drops the operations after the fourth',
    foundBy: 'does as a map in memory does, whatever is asked of it',
    wrap: (projection) => applying(projection, (operations) => operations.slice(0, 4)),
  },
];

/** Saves a state only when the next one comes. */
function inMemory(projection: Projection): Projection {
  let waiting: (() => Promise<boolean>) | undefined;
  return {
    ...projection,
    async apply(project, from, to, operations) {
      await waiting?.();
      waiting = () => projection.apply(project, from, to, operations);
      return true;
    },
  };
}

import fc from 'fast-check';
import { createProject } from '../../../src/app/manage/projects.ts';
import type { ObjectState } from '../../../src/core/change.ts';
import { FlagError } from '../../../src/core/errors.ts';
import type { FlagType, Json } from '../../../src/core/model.ts';
import type { Random } from '../../attacks/random.ts';
import { environments } from '../../core/properties/arbitraries.ts';
import { createFakeClock } from '../../support/fake-clock.ts';
import { type Instance, openInstance } from '../../support/instance.ts';
import {
  completeFlag,
  completeRelease,
  completeSegment,
  completeSettings,
  type FlagVector,
} from '../../vectors/load.ts';

/** What the variations `on` and `off` may be worth: zero values, which protobuf leaves out, among them. */
const VALUES: Readonly<Record<FlagType, readonly Json[]>> = {
  boolean: [true, false],
  string: ['', 'blue', 'größe', '\u{1f600}\n"', 'x'.repeat(200)],
  number: [0, -0, 1, -1.5, 1e300, 5e-324, 2 ** 53],
  json: [{}, [], { a: [1, null, 'é', { __proto__x: true }] }, [[[]], ''], { '': 0, z: 1, a: 2, '7': 3 }],
};

const REASONS = ['', 'errors rose', 'Störung: 日本'];

/** A project `shop` with arbitrary flags in `production` and others in `staging`, at a time when ramps run. */
export async function openRandomShop(random: Random): Promise<Instance> {
  const instance = await openInstance({ clock: createFakeClock(Date.parse('2026-03-01T00:05:00.000Z')) });
  const named = { key: 'shop', name: '', description: '' };
  await instance.commit('shop', createProject({ ...named, environments: ['production', 'staging'] }));
  await instance.commit('other', createProject({ ...named, key: 'other', environments: ['production'] }));
  for (let round = 0; round < 2; round++) await changeShop(random, instance);
  return instance;
}

/** Replaces the definitions by others, as far as they are sound. */
export async function changeShop(random: Random, instance: Instance): Promise<void> {
  const seed = random.whole(2 ** 31);
  for (const environment of ['production', 'staging']) {
    const [scenario] = fc.sample(environments, { seed: seed + environment.length, numRuns: 1 });
    if (scenario === undefined) throw new Error('nothing was sampled');
    const { flags, segments = [], releases = [] } = scenario;
    for (const segment of segments)
      await put(instance, [{ kind: 'segment', state: completeSegment(segment) }]);
    for (const flag of flags) {
      const state = completeFlag(varied(random, flag));
      await put(instance, [
        { kind: 'flag', state },
        { kind: 'settings', environment, state: completeSettings(withReason(random, flag)) },
      ]);
    }
    for (const release of releases)
      await put(instance, [{ kind: 'release', state: completeRelease(release) }]);
  }
}

function varied(random: Random, flag: FlagVector): FlagVector {
  const type = random.pick(['boolean', 'string', 'number', 'json'] as const);
  const variations = ['on', 'off'].map((key) => ({ key, value: random.pick(VALUES[type]) }));
  return { ...flag, type, variations, clientVisible: random.oneIn(2) };
}

function withReason(random: Random, flag: FlagVector): FlagVector {
  const { halt, ...settings } = flag.settings ?? {};
  return {
    ...flag,
    settings: { ...settings, ...(halt && { halt: { ...halt, reason: random.pick(REASONS) } }) },
  };
}

/** What would not be sound stays as it was. */
async function put(instance: Instance, objects: readonly ObjectState[]): Promise<void> {
  try {
    await instance.commit('shop', () => ({
      operations: objects.map((object) => ({ op: 'put' as const, object })),
    }));
  } catch (error) {
    if (!(error instanceof FlagError)) throw error;
  }
}

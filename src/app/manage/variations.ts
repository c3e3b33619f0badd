import { FlagError } from '../../core/errors.ts';
import type { Flag, Variation } from '../../core/model.ts';
import type { Plan } from '../writer.ts';
import { changeLiveFlag } from './flags.ts';

export function createVariation(flagKey: string, variation: Variation, expectedVersion?: number): Plan {
  return changeLiveFlag(flagKey, expectedVersion, (flag) => {
    if (flag.variations.some(({ key }) => key === variation.key))
      throw new FlagError('already_exists', `flag ${flagKey} has a variation ${variation.key} already`, {
        reason: 'VARIATION_EXISTS',
      });
    return { ...flag, variations: [...flag.variations, variation] };
  });
}

/** Replaces the variation of that key, in its place. */
export function updateVariation(flagKey: string, variation: Variation, expectedVersion?: number): Plan {
  return changeLiveFlag(flagKey, expectedVersion, (flag) => {
    expectVariation(flag, variation.key);
    const variations = flag.variations.map((each) => (each.key === variation.key ? variation : each));
    return { ...flag, variations };
  });
}

export function deleteVariation(flagKey: string, variation: string, expectedVersion?: number): Plan {
  return changeLiveFlag(flagKey, expectedVersion, (flag) => {
    expectVariation(flag, variation);
    return { ...flag, variations: flag.variations.filter(({ key }) => key !== variation) };
  });
}

function expectVariation(flag: Flag, variation: string): void {
  if (!flag.variations.some(({ key }) => key === variation))
    throw new FlagError('not_found', `flag ${flag.key} has no variation ${variation}`, {
      reason: 'VARIATION_NOT_FOUND',
    });
}

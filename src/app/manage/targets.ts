import type { Target } from '../../core/model.ts';
import type { Plan } from '../writer.ts';
import { changeSettings, type SettingsAt } from './settings.ts';

/** Adds the targeting keys to the variation's target and takes them out of every other. */
export function setTarget(at: SettingsAt, variation: string, keys: readonly string[]): Plan {
  return changeSettings(at, (settings) => {
    const known = settings.targets.some((target) => target.variation === variation);
    const targets = known ? settings.targets : [...settings.targets, { variation, keys: [] }];
    return {
      ...settings,
      targets: targets
        .map((target) =>
          target.variation === variation ? withKeys(target, keys) : withoutKeys(target, keys),
        )
        .filter(hasKeys),
    };
  });
}

/** Takes the targeting keys out of every target. */
export function removeTarget(at: SettingsAt, keys: readonly string[]): Plan {
  return changeSettings(at, (settings) => ({
    ...settings,
    targets: settings.targets.map((target) => withoutKeys(target, keys)).filter(hasKeys),
  }));
}

function withKeys(target: Target, keys: readonly string[]): Target {
  return { ...target, keys: [...new Set([...target.keys, ...keys])] };
}

function withoutKeys(target: Target, keys: readonly string[]): Target {
  const gone = new Set(keys);
  return { ...target, keys: target.keys.filter((key) => !gone.has(key)) };
}

function hasKeys({ keys }: Target): boolean {
  return keys.length > 0;
}

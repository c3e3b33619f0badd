import { FlagError } from '../../core/errors.ts';
import type { Prerequisite } from '../../core/model.ts';
import type { Plan } from '../writer.ts';
import { changeSettings, type SettingsAt } from './settings.ts';

/** Replaces the prerequisite for the same flag, or adds one. */
export function setPrerequisite(at: SettingsAt, prerequisite: Prerequisite): Plan {
  return changeSettings(at, (settings) => {
    const isNew = settings.prerequisites.every(({ flag }) => flag !== prerequisite.flag);
    const prerequisites = isNew
      ? [...settings.prerequisites, prerequisite]
      : settings.prerequisites.map((each) => (each.flag === prerequisite.flag ? prerequisite : each));
    return { ...settings, prerequisites };
  });
}

export function removePrerequisite(at: SettingsAt, flag: string): Plan {
  return changeSettings(at, (settings) => {
    const prerequisites = settings.prerequisites.filter((each) => each.flag !== flag);
    if (prerequisites.length === settings.prerequisites.length)
      throw new FlagError('not_found', `flag ${at.flag} has no prerequisite ${flag} here`, {
        reason: 'PREREQUISITE_NOT_FOUND',
      });
    return { ...settings, prerequisites };
  });
}

import { checkKey, checkLabel, checkText, checkUnique, checkWeight, violationsOf } from './checks.ts';
import type { Violation } from './errors.ts';
import type { Limits } from './limits.ts';
import type { Release } from './model.ts';
import { parseSemVer } from './semver.ts';

const STATES: readonly string[] = ['active', 'completed', 'rolled_back'];

/** Everything that is wrong with a release by itself. */
export function validateRelease(release: Release, limits: Limits): Violation[] {
  return violationsOf((report) => {
    checkKey(release.key, 'key', report);
    checkText(release.branch, 'branch', limits, report);
    if (release.runtimeVersion !== '' && parseSemVer(release.runtimeVersion) === undefined) {
      report('runtime_version', `${JSON.stringify(release.runtimeVersion)} is not a version`);
    }
    checkWeight(release.rolloutWeight, 'rollout_weight', report);
    if (!STATES.includes(release.state)) report('state', 'is not known here');
    const flags = release.flags.map(({ flag }) => flag);
    if (flags.length > limits.flags) report('flags', `must be at most ${limits.flags}`, 'flags');
    checkUnique(flags, (index) => `flags[${flags[index]}]`, report);
    for (const { flag, variation } of release.flags) {
      checkKey(flag, `flags[${flag}]`, report);
      checkLabel(variation, `flags[${flag}]`, report);
    }
    for (const [index, flag] of release.rolledBackFlags.entries()) {
      if (!flags.includes(flag)) report(`rolled_back_flags[${index}]`, 'is not a flag of this release');
    }
  });
}

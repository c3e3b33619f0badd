import type { Operation } from '../../core/change.ts';
import { FlagError } from '../../core/errors.ts';
import type { Release } from '../../core/model.ts';
import type { Plan } from '../writer.ts';
import { existingProject, existingRelease, expectAbsent } from './existing.ts';
import { expectVersion } from './expect-version.ts';

export type NewRelease = Pick<Release, 'key' | 'branch' | 'runtimeVersion' | 'rolloutWeight' | 'flags'>;
export type ReleaseFields = Partial<Omit<NewRelease, 'key'>>;

export function createRelease(release: NewRelease): Plan {
  return (state, now) => {
    existingProject(state);
    expectAbsent(state.releases.get(release.key), `projects/${state.key}/releases/${release.key}`);
    const dates = { createdAt: now, updatedAt: now };
    return { operations: [putRelease({ ...release, state: 'active', rolledBackFlags: [], ...dates })] };
  };
}

/** A flag that the release no longer sets is no longer listed as rolled back either. */
export function updateRelease(key: string, fields: ReleaseFields, expectedVersion?: number): Plan {
  return changeActive(key, expectedVersion, 'changed', (release) => {
    const next = { ...release, ...fields };
    const set = new Set(next.flags.map(({ flag }) => flag));
    return { ...next, rolledBackFlags: next.rolledBackFlags.filter((flag) => set.has(flag)) };
  });
}

export function completeRelease(key: string, expectedVersion?: number): Plan {
  return changeRelease(key, expectedVersion, (release) => {
    if (release.state === 'rolled_back') throw notActive(release, 'completed');
    return { ...release, state: 'completed' };
  });
}

/** The whole release, whatever its state; rolling it back again changes nothing. */
export function rollBackRelease(key: string, expectedVersion?: number): Plan {
  return changeRelease(key, expectedVersion, (release) => ({ ...release, state: 'rolled_back' }));
}

/** One flag of an active release; rolling it back again changes nothing. */
export function rollBackReleaseFlag(key: string, flag: string, expectedVersion?: number): Plan {
  return changeActive(key, expectedVersion, 'rolled back in part', (release) => {
    if (!release.flags.some((entry) => entry.flag === flag))
      throw new FlagError('not_found', `release ${key} does not set flag ${flag}`, {
        reason: 'FLAG_NOT_IN_RELEASE',
      });
    if (release.rolledBackFlags.includes(flag)) return release;
    return { ...release, rolledBackFlags: [...release.rolledBackFlags, flag] };
  });
}

/** Every active release of the branch. None is `not_found`, so that a mistyped branch does not pass for success. */
export function rollBackBranch(branch: string): Plan {
  return (state, now) => {
    existingProject(state);
    const releases = [...state.releases.values()].map((stored) => stored.state);
    if (!releases.some((release) => release.branch === branch))
      throw new FlagError('not_found', `no release is of the branch ${branch}`, {
        reason: 'BRANCH_NOT_FOUND',
      });
    const active = releases.filter((release) => release.branch === branch && release.state === 'active');
    return {
      operations: active.map((release) => putRelease({ ...release, state: 'rolled_back', updatedAt: now })),
    };
  };
}

/** Refused while the release is active: complete it or roll it back first, so that nobody is surprised. */
export function deleteRelease(key: string, expectedVersion?: number): Plan {
  return (state) => {
    const stored = existingRelease(state, key);
    expectVersion(stored, expectedVersion);
    if (stored.state.state === 'active')
      throw new FlagError('failed_precondition', 'an active release cannot be deleted', {
        reason: 'RELEASE_ACTIVE',
        resource: `projects/${state.key}/releases/${key}`,
      });
    return { operations: [{ op: 'delete', id: { kind: 'release', environment: '', key } }] };
  };
}

function changeActive(
  key: string,
  expectedVersion: number | undefined,
  what: string,
  change: (release: Release) => Release,
): Plan {
  return changeRelease(key, expectedVersion, (release) => {
    if (release.state !== 'active') throw notActive(release, what);
    return change(release);
  });
}

function changeRelease(
  key: string,
  expectedVersion: number | undefined,
  change: (release: Release) => Release,
): Plan {
  return (state, now) => {
    const stored = existingRelease(state, key);
    expectVersion(stored, expectedVersion);
    return { operations: [putRelease({ ...change(stored.state), updatedAt: now })] };
  };
}

function notActive(release: Release, what: string): FlagError {
  const is = release.state === 'completed' ? 'completed' : 'rolled back';
  return new FlagError('failed_precondition', `release ${release.key} is ${is} and cannot be ${what}`, {
    reason: 'RELEASE_NOT_ACTIVE',
  });
}

function putRelease(release: Release): Operation {
  return { op: 'put', object: { kind: 'release', state: release } };
}

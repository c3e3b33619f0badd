import type { Operation } from '../../core/change.ts';
import { FlagError } from '../../core/errors.ts';
import type { Environment, Recording } from '../../core/model.ts';
import { withoutMissed } from '../missed-changes.ts';
import type { ProjectState } from '../project-state.ts';
import type { Plan } from '../writer.ts';
import { existingEnvironment, existingProject, expectAbsent, expectLive } from './existing.ts';
import { expectVersion } from './expect-version.ts';
import { newEnvironment, putEnvironment } from './projects.ts';

export interface NewEnvironment {
  readonly key: string;
  readonly name: string;
  readonly description: string;
  /** Absent: as every environment begins. */
  readonly recording?: Recording;
  /** The environment whose settings it begins with. Absent: every flag starts disabled. */
  readonly copyFrom?: string;
}

export interface EnvironmentFields {
  readonly name?: string;
  readonly description?: string;
  readonly recording?: Recording;
}

/** What is copied are settings as they serve: scheduled changes stay where they were planned. */
export function createEnvironment({ key, name, description, recording, copyFrom }: NewEnvironment): Plan {
  return (state, now) => {
    existingProject(state);
    expectAbsent(state.environments.get(key), `projects/${state.key}/environments/${key}`);
    if (copyFrom !== undefined) existingEnvironment(state, copyFrom);
    const made = newEnvironment(key, name, description, now);
    const operations = [putEnvironment(recording === undefined ? made : { ...made, recording })];
    let pending = 0;
    for (const { state: settings } of copyFrom === undefined ? [] : settingsTable(state, copyFrom)) {
      pending += settings.scheduledChanges.length;
      const copy = { ...settings, scheduledChanges: [], updatedAt: now };
      operations.push({ op: 'put', object: { kind: 'settings', environment: key, state: copy } });
    }
    return {
      operations,
      ...(pending > 0 && { warnings: [`${pending} scheduled changes of ${copyFrom} were not copied`] }),
    };
  };
}

export function updateEnvironment(key: string, fields: EnvironmentFields, expectedVersion?: number): Plan {
  return changeEnvironment(key, expectedVersion, (environment, resource) => {
    expectLive(environment, resource);
    return { ...environment, ...fields };
  });
}

export function archiveEnvironment(key: string, expectedVersion?: number): Plan {
  return changeEnvironment(key, expectedVersion, (environment) => ({ ...environment, archived: true }));
}

/** Scheduled changes that fell due while it was archived are dropped. */
export function restoreEnvironment(key: string, expectedVersion?: number): Plan {
  const restore = changeEnvironment(key, expectedVersion, (environment) => ({
    ...environment,
    archived: false,
  }));
  return (state, now) => withoutMissed(state, restore(state, now), now);
}

/** Deletes an archived environment with all settings in it and all keys to it. */
export function deleteEnvironment(key: string, expectedVersion?: number): Plan {
  return (state) => {
    const stored = existingEnvironment(state, key);
    expectVersion(stored, expectedVersion);
    if (!stored.state.archived)
      throw new FlagError('failed_precondition', 'only an archived environment can be deleted', {
        reason: 'ENVIRONMENT_NOT_ARCHIVED',
        resource: `projects/${state.key}/environments/${key}`,
      });
    const operations: Operation[] = [{ op: 'delete', id: { kind: 'environment', environment: '', key } }];
    for (const { state: settings } of settingsTable(state, key))
      operations.push({ op: 'delete', id: { kind: 'settings', environment: key, key: settings.flag } });
    for (const { state: accessKey } of state.keys.values())
      if (accessKey.environment === key)
        operations.push({ op: 'delete', id: { kind: 'key', environment: '', key: accessKey.id } });
    return { operations };
  };
}

function settingsTable(state: ProjectState, environment: string) {
  return state.settings.get(environment)?.values() ?? [];
}

function changeEnvironment(
  key: string,
  expectedVersion: number | undefined,
  change: (environment: Environment, resource: string) => Environment,
): Plan {
  return (state, now) => {
    const stored = existingEnvironment(state, key);
    expectVersion(stored, expectedVersion);
    const environment = change(stored.state, `projects/${state.key}/environments/${key}`);
    return { operations: [putEnvironment({ ...environment, updatedAt: now })] };
  };
}

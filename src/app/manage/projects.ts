import { idOf, type Operation } from '../../core/change.ts';
import { FlagError } from '../../core/errors.ts';
import type { Environment, Instant, Project } from '../../core/model.ts';
import { withoutMissed } from '../missed-changes.ts';
import { objectsOf } from '../project-state.ts';
import type { Plan } from '../writer.ts';
import { existingProject, expectLive } from './existing.ts';
import { expectVersion } from './expect-version.ts';

export interface NewProject {
  readonly key: string;
  readonly name: string;
  readonly description: string;
  /** Keys; an environment is called as its key at first. */
  readonly environments: readonly string[];
}

export interface ProjectFields {
  readonly name?: string;
  readonly description?: string;
}

/** The first change of a log. A project that was deleted keeps its log, and so its key is not free again. */
export function createProject({ key, name, description, environments }: NewProject): Plan {
  return (state, now) => {
    if (state.revision > 0)
      throw new FlagError('already_exists', `the project key ${key} is taken`, {
        reason: state.project === undefined ? 'PROJECT_KEY_USED' : 'PROJECT_EXISTS',
        resource: `projects/${key}`,
      });
    const dates = { createdAt: now, updatedAt: now };
    const project: Project = { key, name, description, archived: false, ...dates };
    return {
      operations: [
        { op: 'put', object: { kind: 'project', state: project } },
        ...environments.map((each) => putEnvironment(newEnvironment(each, each, '', now))),
      ],
    };
  };
}

export function updateProject(fields: ProjectFields, expectedVersion?: number): Plan {
  return changeProject(expectedVersion, (project) => {
    expectLive(project, `projects/${project.key}`);
    return { ...project, ...fields };
  });
}

export function archiveProject(expectedVersion?: number): Plan {
  return changeProject(expectedVersion, (project) => ({ ...project, archived: true }));
}

/** Scheduled changes that fell due while it was archived are dropped. */
export function restoreProject(expectedVersion?: number): Plan {
  const restore = changeProject(expectedVersion, (project) => ({ ...project, archived: false }));
  return (state, now) => withoutMissed(state, restore(state, now), now);
}

/** Deletes every object of an archived project in one change. */
export function deleteProject(expectedVersion?: number): Plan {
  return (state) => {
    const stored = existingProject(state);
    expectVersion(stored, expectedVersion);
    if (!stored.state.archived)
      throw new FlagError('failed_precondition', 'only an archived project can be deleted', {
        reason: 'PROJECT_NOT_ARCHIVED',
        resource: `projects/${state.key}`,
      });
    const operations: Operation[] = [];
    for (const { state: object } of objectsOf(state)) operations.push({ op: 'delete', id: idOf(object) });
    return { operations };
  };
}

export function newEnvironment(key: string, name: string, description: string, now: Instant): Environment {
  return { key, name, description, archived: false, createdAt: now, updatedAt: now };
}

export function putEnvironment(environment: Environment): Operation {
  return { op: 'put', object: { kind: 'environment', state: environment } };
}

function changeProject(expectedVersion: number | undefined, change: (project: Project) => Project): Plan {
  return (state, now) => {
    const stored = existingProject(state);
    expectVersion(stored, expectedVersion);
    const project = { ...change(stored.state), updatedAt: now };
    return { operations: [{ op: 'put', object: { kind: 'project', state: project } }] };
  };
}

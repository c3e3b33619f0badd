import { FlagError } from '../../core/errors.ts';
import type { AccessKey, Environment, Flag, Project, Release, Segment } from '../../core/model.ts';
import { SYSTEM } from '../principal.ts';
import type { ProjectState, Stored } from '../project-state.ts';

/** The object, or `not_found`: for plans, which may be asked about anything. */

export function existingProject(state: ProjectState): Stored<Project> {
  return state.project ?? missing('project', `projects/${state.key}`);
}

export function existingEnvironment(state: ProjectState, key: string): Stored<Environment> {
  existingProject(state);
  return state.environments.get(key) ?? missing('environment', `projects/${state.key}/environments/${key}`);
}

export function existingFlag(state: ProjectState, key: string): Stored<Flag> {
  existingProject(state);
  return state.flags.get(key) ?? missing('flag', `projects/${state.key}/flags/${key}`);
}

export function existingSegment(state: ProjectState, key: string): Stored<Segment> {
  existingProject(state);
  return state.segments.get(key) ?? missing('segment', `projects/${state.key}/segments/${key}`);
}

export function existingRelease(state: ProjectState, key: string): Stored<Release> {
  existingProject(state);
  return state.releases.get(key) ?? missing('release', `projects/${state.key}/releases/${key}`);
}

/** The instance's own log has keys and no project. */
export function existingKey(state: ProjectState, id: string): Stored<AccessKey> {
  if (state.key === SYSTEM) return state.keys.get(id) ?? missing('key', `keys/${id}`);
  existingProject(state);
  return state.keys.get(id) ?? missing('key', `projects/${state.key}/keys/${id}`);
}

/** Throws `already_exists` about this resource if there is one. */
export function expectAbsent(stored: Stored<unknown> | undefined, resource: string): void {
  if (stored !== undefined) throw new FlagError('already_exists', `${resource} exists already`, { resource });
}

/** Throws `failed_precondition` if the object is archived: it has to be restored before it can be changed. */
export function expectLive(object: { readonly archived: boolean }, resource: string): void {
  if (object.archived)
    throw new FlagError('failed_precondition', `${resource} is archived`, { reason: 'ARCHIVED', resource });
}

function missing(what: string, resource: string): never {
  throw new FlagError('not_found', `there is no ${what} ${resource}`, {
    reason: `${what.toUpperCase()}_NOT_FOUND`,
    resource,
  });
}

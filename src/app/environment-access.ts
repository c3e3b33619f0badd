import { FlagError } from '../core/errors.ts';
import type { Snapshot } from '../core/snapshot.ts';
import { reaches } from './access.ts';
import type { Catalog } from './catalog.ts';
import type { Principal } from './principal.ts';

/** One environment of one project. */
export interface Place {
  readonly project: string;
  readonly environment: string;
}

/**
 * Which environment a call is about: the key's own, which a call may repeat but not change, or for an admin key the
 * one it names. Rejects with `forbidden` for another's, with `invalid` if an admin key names none.
 */
export function placeOf(principal: Principal, named: Place | undefined): Place {
  if (principal.environment !== undefined) {
    const own = { project: principal.project, environment: principal.environment };
    if (named !== undefined && (named.project !== own.project || named.environment !== own.environment))
      throw new FlagError('forbidden', 'this key is for another environment', {
        reason: 'KEY_OF_ANOTHER_ENVIRONMENT',
      });
    return own;
  }
  if (named === undefined)
    throw new FlagError('invalid', 'an admin key has to name the environment', {
      violations: [{ path: 'environment', message: 'is needed with an admin key' }],
    });
  if (!reaches(principal, named.project) || !principal.scopes.includes('read'))
    throw new FlagError('forbidden', 'this key does not reach that project', {
      reason: 'KEY_OF_ANOTHER_PROJECT',
    });
  return named;
}

/** The newest snapshot of a place. Rejects with `not_found` if it does not exist or is archived. */
export function snapshotAt(catalog: Catalog, place: Place): Snapshot {
  const snapshot = catalog.snapshot(place.project, place.environment);
  if (snapshot === undefined)
    throw new FlagError('not_found', `no environment ${place.environment} in project ${place.project}`, {
      reason: 'ENVIRONMENT_NOT_FOUND',
      resource: `projects/${place.project}/environments/${place.environment}`,
    });
  return snapshot;
}

/**
 * The same, at `minRevision` or later: at once if that is here. Rejects with `unavailable` if it cannot be had.
 */
export function snapshotSince(
  catalog: Catalog,
  place: Place,
  minRevision: number,
): Snapshot | Promise<Snapshot> {
  const snapshot = catalog.snapshot(place.project, place.environment);
  if (snapshot !== undefined && snapshot.revision >= minRevision) return snapshot;
  if (minRevision === 0) return snapshotAt(catalog, place);
  // The environment may be as new as the revision.
  return catalog.reach(place.project, minRevision).then(() => snapshotAt(catalog, place));
}

import type { Timestamp } from '@bufbuild/protobuf/wkt';
import type { HandlerContext } from '@connectrpc/connect';
import type { Catalog } from '../app/catalog.ts';
import { type Place, placeOf } from '../app/environment-access.ts';
import { existingEnvironment, existingFlag } from '../app/manage/existing.ts';
import type { Principal } from '../app/principal.ts';
import type { ProjectState } from '../app/project-state.ts';
import { FlagError, invalid } from '../core/errors.ts';
import type { Clock } from '../ports/clock.ts';
import type { Period } from '../ports/exposure-store.ts';
import { parseEnvironment, parseSettings } from './names.ts';
import { principalOf } from './principal-key.ts';
import { instantOf } from './timestamp.ts';

/**
 * The environment that a request for figures names, provided that the key may see them: an admin key that may read the
 * project, or a server key of this environment. Throws `forbidden` or `not_found` otherwise.
 */
export function figuresOf(catalog: Catalog, context: HandlerContext, parent: string): Place {
  const viewer = viewerOf(context);
  const place = placeOf(viewer, parseEnvironment(parent, 'parent'));
  existingEnvironment(catalog.state(place.project), place.environment);
  return place;
}

/** The same for a request about one flag. */
export function figuresOfFlag(
  catalog: Catalog,
  context: HandlerContext,
  name: string,
): { readonly place: Place; readonly flag: string } {
  const viewer = viewerOf(context);
  const { flag, ...named } = parseSettings(name, 'name');
  const place = placeOf(viewer, named);
  expectFlag(catalog.state(place.project), place.environment, flag);
  return { place, flag };
}

export function expectFlag(state: ProjectState, environment: string, flag: string): void {
  existingEnvironment(state, environment);
  existingFlag(state, flag);
}

function viewerOf(context: HandlerContext): Principal {
  const principal = principalOf(context);
  if (principal.kind === 'web')
    throw new FlagError('forbidden', 'a web key may not see how flags are used', { reason: 'KEY_KIND' });
  return principal;
}

/** The first that a timestamp can say. */
const FIRST_MS = Date.parse('0001-01-01T00:00:00.000Z');

interface PeriodRequest {
  startTime?: Timestamp | undefined;
  endTime?: Timestamp | undefined;
}

/** Up to now, and so long, unless the request says otherwise. Throws `invalid` for a period that has no time in it. */
export function periodFrom({ startTime, endTime }: PeriodRequest, clock: Clock, lengthMs: number): Period {
  const to = endTime === undefined ? clock.now() : Date.parse(instantOf(endTime, 'end_time'));
  const usual = Math.max(to - lengthMs, FIRST_MS);
  const from = startTime === undefined ? usual : Date.parse(instantOf(startTime, 'start_time'));
  if (from >= to) throw invalid([{ path: 'start_time', message: 'must be before the end' }]);
  return { from, to };
}

import { type Place, placeOf } from '../../app/environment-access.ts';
import type { Principal } from '../../app/principal.ts';
import { FlagError, invalid } from '../../core/errors.ts';
import { environmentName, isKey, parseEnvironment } from '../names.ts';
import type { ClientQuery } from '../wire/queries.ts';

/** What every evaluation RPC demands of its fields. Each function throws a FlagError about the field that is wrong. */

const MAX_FLAG_KEYS = 5_000;
const MAX_CLIENT_TEXT = 200;

/** Where a call is to be answered. `environment` is empty for the key's own. */
export function placeIn(principal: Principal, environment: string): Place {
  return placeOf(principal, environment === '' ? undefined : parseEnvironment(environment, 'environment'));
}

/** The environment that the first message of a stream names; a later one may only repeat it. */
export function placeOnStream(principal: Principal, environment: string, place: Place | undefined): Place {
  if (place === undefined || environment === '') return place ?? placeIn(principal, environment);
  if (environment !== environmentName(place.project, place.environment))
    throw invalid([{ path: 'environment', message: 'must be that of the first message' }]);
  return place;
}

export function checkedFlagKey(key: string): string {
  if (!isKey(key)) throw invalid([{ path: 'flag_key', message: 'must be a flag key' }]);
  return key;
}

/** No keys mean every flag. */
export function checkedFlagKeys(keys: readonly string[]): readonly string[] | undefined {
  if (keys.length > MAX_FLAG_KEYS)
    throw new FlagError('exhausted', `flag_keys: more than ${MAX_FLAG_KEYS}`, {
      reason: 'TOO_MANY_FLAG_KEYS',
    });
  const wrong = keys.findIndex((key) => !isKey(key));
  if (wrong >= 0) throw invalid([{ path: `flag_keys[${wrong}]`, message: 'must be a flag key' }]);
  return keys.length === 0 ? undefined : keys;
}

export function checkedRevision(revision: number): number {
  if (revision < 0) throw invalid([{ path: 'min_revision', message: 'must not be negative' }]);
  return revision;
}

/** How a client is recorded: `name/version`, as far as it says. */
export function clientName(client: ClientQuery | undefined): string {
  if (client === undefined || client.name === '') return '';
  return client.version === '' ? client.name : `${client.name}/${client.version}`;
}

export function checkClient(client: ClientQuery | undefined): void {
  if (client === undefined) return;
  for (const field of ['name', 'version'] as const)
    if (client[field].length > MAX_CLIENT_TEXT)
      throw invalid([{ path: `client.${field}`, message: `must be at most ${MAX_CLIENT_TEXT} characters` }]);
}

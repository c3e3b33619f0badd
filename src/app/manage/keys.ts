import type { Operation } from '../../core/change.ts';
import { FlagError, invalid } from '../../core/errors.ts';
import type { AccessKey, Instant } from '../../core/model.ts';
import { type Principal, SYSTEM } from '../principal.ts';
import type { ProjectState, Stored } from '../project-state.ts';
import type { Plan } from '../writer.ts';
import { existingEnvironment, existingKey, existingProject, expectAbsent } from './existing.ts';
import { expectVersion } from './expect-version.ts';

/** Keys are made, changed and revoked by keys (`by`), and only by those that can do all that the key can do. */

export type NewKey = Omit<AccessKey, 'createdAt' | 'revokedAt'>;

/** What an update replaces. An `expiresAt` that is there and undefined lets the key live for ever. */
export interface KeyFields {
  readonly name?: string;
  readonly allowedOrigins?: readonly string[];
  readonly expiresAt?: Instant | undefined;
}

export function createKey(key: NewKey, by: Principal): Plan {
  return (state, now) => {
    if (state.key !== SYSTEM) existingProject(state);
    expectCovers(by, state.key, key);
    if (key.environment !== undefined) existingEnvironment(state, key.environment);
    expectAbsent(state.keys.get(key.id), `key ${key.id}`);
    expectFuture(key.expiresAt, now);
    return { operations: [putKey({ ...key, createdAt: now })] };
  };
}

export function updateKey(id: string, fields: KeyFields, by: Principal, expectedVersion?: number): Plan {
  return (state, now) => {
    const { state: key } = keyToChange(state, id, by, expectedVersion);
    if (key.revokedAt !== undefined)
      throw new FlagError('failed_precondition', 'the key is revoked', { reason: 'KEY_REVOKED' });
    if (key.kind !== 'web' && (fields.allowedOrigins?.length ?? 0) > 0)
      throw invalid([{ path: 'key.allowed_origins', message: 'are for web keys only' }]);
    expectFuture(fields.expiresAt, now);
    const { expiresAt, ...rest } = { ...key, ...fields };
    return { operations: [putKey(expiresAt === undefined ? rest : { ...rest, expiresAt })] };
  };
}

/** Revoking a revoked key changes nothing. */
export function revokeKey(id: string, by: Principal, expectedVersion?: number): Plan {
  return (state, now) => {
    const { state: key } = keyToChange(state, id, by, expectedVersion);
    return { operations: [putKey({ ...key, revokedAt: key.revokedAt ?? now })] };
  };
}

function keyToChange(
  state: ProjectState,
  id: string,
  by: Principal,
  expectedVersion: number | undefined,
): Stored<AccessKey> {
  const stored = existingKey(state, id);
  expectCovers(by, state.key, stored.state);
  expectVersion(stored, expectedVersion);
  return stored;
}

/** Throws `forbidden` unless the principal may deal in keys of the project and can do all that this one can do. */
function expectCovers(by: Principal, project: string, key: Pick<AccessKey, 'kind' | 'scopes'>): void {
  const needed = key.kind === 'admin' ? key.scopes : (['read'] as const);
  const lacking = ['keys' as const, ...needed].filter((scope) => !by.scopes.includes(scope));
  const reaches = by.project === SYSTEM || by.project === project;
  if (by.kind === 'admin' && reaches && lacking.length === 0) return;
  const why = reaches
    ? `your key lacks ${[...new Set(lacking)].join(', ') || 'the kind'}`
    : `your key is to project ${by.project}`;
  throw new FlagError('forbidden', `nobody can deal in keys that do more than their own: ${why}`, {
    reason: 'KEY_EXCEEDS_CALLER',
  });
}

function expectFuture(expiresAt: Instant | undefined, now: Instant): void {
  if (expiresAt !== undefined && Date.parse(expiresAt) <= Date.parse(now))
    throw invalid([{ path: 'key.expire_time', message: 'must be in the future' }]);
}

function putKey(key: AccessKey): Operation {
  return { op: 'put', object: { kind: 'key', state: key } };
}

import { idOf, type ObjectId, type Operation } from '../core/change.ts';
import { FlagError, invalid, type Violation } from '../core/errors.ts';
import type { Limits } from '../core/limits.ts';
import type { ProjectState } from './project-state.ts';
import { referrersOfFlag, referrersOfSegment, referrersOfVariation } from './references.ts';

/**
 * Refuses a change whose outcome would not be sound, whatever plan it came from: `failed_precondition` if something
 * that is still used would go, `exhausted` beyond a limit, `invalid` with the path of every other mistake.
 */
export function checkOperations(
  before: ProjectState,
  after: ProjectState,
  operations: readonly Operation[],
  limits: Limits,
): void {
  checkCounts(after, operations, limits);
  for (const operation of operations) {
    if (operation.op === 'delete') checkUnused(before, after, operation.id);
    else checkUnused(before, after, idOf(operation.object));
  }
}

/** What an operation takes away (an object, its being live, a variation) must not be in use afterwards. */
function checkUnused(before: ProjectState, after: ProjectState, id: ObjectId): void {
  if (after.project === undefined) return;
  if (id.kind === 'segment') {
    const segment = after.segments.get(id.key)?.state;
    if ((segment === undefined || segment.archived) && isLiveSegment(before, id.key))
      refuseIfUsed(after, `segment ${id.key}`, `segments/${id.key}`, referrersOfSegment(after, id.key));
  }
  if (id.kind !== 'flag') return;
  const flag = after.flags.get(id.key)?.state;
  const earlier = before.flags.get(id.key)?.state;
  if (earlier === undefined) return;
  if (flag === undefined || (flag.status === 'archived' && earlier.status !== 'archived'))
    refuseIfUsed(after, `flag ${id.key}`, `flags/${id.key}`, referrersOfFlag(after, id.key));
  if (flag === undefined) return;
  const kept = new Set(flag.variations.map(({ key }) => key));
  for (const { key } of earlier.variations)
    if (!kept.has(key))
      refuseIfUsed(after, `variation ${key}`, `flags/${id.key}`, referrersOfVariation(after, id.key, key));
}

function isLiveSegment(state: ProjectState, key: string): boolean {
  return state.segments.get(key)?.state.archived === false;
}

function refuseIfUsed(state: ProjectState, what: string, resource: string, users: readonly ObjectId[]): void {
  if (users.length === 0) return;
  const named = users.slice(0, 10).map(({ kind, environment, key }) => {
    return kind === 'settings' ? `flag ${key} in ${environment}` : `${kind} ${key}`;
  });
  const more = users.length > named.length ? ` and ${users.length - named.length} more` : '';
  throw new FlagError('failed_precondition', `${what} is used by ${named.join(', ')}${more}`, {
    reason: 'IN_USE',
    resource: `projects/${state.key}/${resource}`,
  });
}

function checkCounts(after: ProjectState, operations: readonly Operation[], limits: Limits): void {
  if (!operations.some(({ op }) => op === 'put')) return;
  const counts = [
    ['flags', after.flags.size],
    ['segments', after.segments.size],
    ['releases', after.releases.size],
    ['environments', after.environments.size],
    ['keys', after.keys.size],
  ] as const;
  for (const [what, count] of counts)
    if (count > limits[what]) throw exceeded([{ path: what, message: `more than ${limits[what]}` }]);
}

function exceeded(violations: readonly Violation[]): FlagError {
  const { message } = invalid(violations);
  return new FlagError('exhausted', message, { reason: 'LIMIT_EXCEEDED', violations });
}

import { idOf, type ObjectId, type Operation } from '../core/change.ts';
import { FlagError, invalid, type Violation } from '../core/errors.ts';
import type { Limits } from '../core/limits.ts';
import { contentViolations } from './check-content.ts';
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
  checkNotArchived(before, after, operations);
  checkCounts(before, after, limits);
  for (const operation of operations)
    checkUnused(before, after, operation.op === 'put' ? idOf(operation.object) : operation.id);
  const violations = operations.flatMap((operation) =>
    operation.op === 'put' ? contentViolations(before, after, operation.object, limits) : [],
  );
  if (violations.some(({ limit }) => limit !== undefined)) throw exceeded(violations);
  if (violations.length > 0) throw invalid(violations);
}

/** In an archived project nothing changes but its keys, until it is restored. */
function checkNotArchived(before: ProjectState, after: ProjectState, operations: readonly Operation[]): void {
  if (!before.project?.state.archived || !after.project?.state.archived) return;
  const ids = operations.map((operation) => (operation.op === 'put' ? idOf(operation.object) : operation.id));
  if (ids.every(({ kind }) => kind === 'key')) return;
  throw new FlagError('failed_precondition', `project ${before.key} is archived; restore it first`, {
    reason: 'ARCHIVED',
    resource: `projects/${before.key}`,
  });
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

/** A project that holds more than it may, because the limit was lowered, may still be changed, but not grow. */
function checkCounts(before: ProjectState, after: ProjectState, limits: Limits): void {
  for (const what of ['flags', 'segments', 'releases', 'environments', 'keys'] as const) {
    const { size } = after[what];
    if (size > limits[what] && size > before[what].size)
      throw exceeded([{ path: what, message: `a project holds at most ${limits[what]}`, limit: what }]);
  }
}

function exceeded(violations: readonly Violation[]): FlagError {
  const { message } = invalid(violations);
  return new FlagError('exhausted', message, { reason: 'LIMIT_EXCEEDED', violations });
}

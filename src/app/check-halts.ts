import { canonicalJson } from '../core/canonical-json.ts';
import { idOf, type Operation } from '../core/change.ts';
import { FlagError } from '../core/errors.ts';
import type { FlagSettings } from '../core/model.ts';
import type { ProjectState } from './project-state.ts';

const LISTED = 10;

/**
 * Throws `forbidden` if a change by somebody without the scope `halt` begins or ends a halt, or adds or removes a
 * planned one, by whatever call: a guard that halts is one, too. An environment that is made as a copy begins with what the
 * other has of it.
 */
export function checkHalts(
  before: ProjectState,
  after: ProjectState,
  operations: readonly Operation[],
): void {
  const changed = operations.flatMap((operation) => {
    const id = operation.op === 'put' ? idOf(operation.object) : operation.id;
    if (id.kind !== 'settings') return [];
    const earlier = before.settings.get(id.environment)?.get(id.key)?.state;
    const later = after.settings.get(id.environment)?.get(id.key)?.state;
    const isSame =
      plannedHalts(earlier) === plannedHalts(later) &&
      ((isHalted(earlier) === isHalted(later) && haltingGuards(earlier) === haltingGuards(later)) ||
        !before.environments.has(id.environment));
    return isSame ? [] : [`${id.key} in ${id.environment}`];
  });
  if (changed.length === 0) return;
  const more = changed.length > LISTED ? ` and ${changed.length - LISTED} more` : '';
  const which = changed.slice(0, LISTED).join(', ') + more;
  throw new FlagError(
    'forbidden',
    `this changes whether ${which} is or will be halted: it needs the scope halt`,
    {
      reason: 'SCOPE_MISSING',
      metadata: { scope: 'halt' },
    },
  );
}

function isHalted(settings: FlagSettings | undefined): boolean {
  return settings?.halt !== undefined;
}

function haltingGuards(settings: FlagSettings | undefined): string {
  const halting = (settings?.rules ?? []).filter(({ guard }) => guard?.onRegression === 'halt');
  return canonicalJson(Object.fromEntries(halting.map(({ id, guard }) => [id, guard])));
}

function plannedHalts(settings: FlagSettings | undefined): string {
  const planned = (settings?.scheduledChanges ?? [])
    .filter(({ action: { kind } }) => kind === 'halt' || kind === 'resume')
    .map(({ id, at, action, by }) =>
      JSON.stringify([id, at, by, action.kind, 'reason' in action && action.reason]),
    );
  return planned.sort().join();
}

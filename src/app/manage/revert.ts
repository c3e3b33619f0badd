import { idOf, type ObjectState, type Operation } from '../../core/change.ts';
import { FlagError } from '../../core/errors.ts';
import type { Instant } from '../../core/model.ts';
import { withoutMissed } from '../missed-changes.ts';
import { objectOf, objectsOf, type ProjectState, settingsOf } from '../project-state.ts';
import type { Plan } from '../writer.ts';
import { existingProject } from './existing.ts';

/**
 * Makes every object as it was in an earlier state of the project, but for its keys and its own record. Scheduled
 * changes whose time has passed are not brought back, because they would be applied at once. Throws `conflict`
 * unless the project is still at `expectedHead`.
 */
export function revertTo(target: ProjectState, expectedHead: number | undefined): Plan {
  return (state, now) => {
    existingProject(state);
    if (target.project === undefined)
      throw new FlagError('failed_precondition', `the project did not exist at revision ${target.revision}`, {
        reason: 'NOTHING_TO_REVERT_TO',
      });
    if (expectedHead !== undefined && state.revision !== expectedHead)
      throw new FlagError('conflict', `the project is at revision ${state.revision} by now`, {
        reason: 'HEAD_MOVED',
        metadata: { head: String(state.revision) },
      });
    const planned = {
      operations: operationsTo(target, state, now),
      warnings: warningsAbout(state, target, now),
    };
    return withoutMissed(state, planned, now);
  };
}

function operationsTo(target: ProjectState, state: ProjectState, now: Instant): Operation[] {
  const operations: Operation[] = [];
  for (const { state: object, version } of objectsOf(target))
    if (isReverted(object) && objectOf(state, idOf(object))?.version !== version)
      operations.push({ op: 'put', object: broughtBack(object, now) });
  for (const { state: object } of objectsOf(state))
    if (isReverted(object) && objectOf(target, idOf(object)) === undefined)
      operations.push({ op: 'delete', id: idOf(object) });
  return operations;
}

function isReverted(object: ObjectState): boolean {
  return object.kind !== 'key' && object.kind !== 'project';
}

function broughtBack(object: ObjectState, now: Instant): ObjectState {
  switch (object.kind) {
    case 'settings': {
      const scheduledChanges = object.state.scheduledChanges.filter(({ at }) => at > now);
      return { ...object, state: { ...object.state, scheduledChanges, updatedAt: now } };
    }
    case 'environment':
      return { ...object, state: { ...object.state, updatedAt: now } };
    case 'flag':
      return { ...object, state: { ...object.state, updatedAt: now } };
    case 'segment':
      return { ...object, state: { ...object.state, updatedAt: now } };
    case 'release':
      return { ...object, state: { ...object.state, updatedAt: now } };
    case 'project':
    case 'key':
      return object;
  }
}

interface HaltChange {
  readonly environment: string;
  readonly flag: string;
  readonly begins: boolean;
}

/** Flags that were halted then and are not now, or the other way round. */
function changedHalts(state: ProjectState, target: ProjectState): HaltChange[] {
  const found: HaltChange[] = [];
  for (const [from, to, begins] of [
    [state, target, false],
    [target, state, true],
  ] as const)
    for (const [environment, table] of from.settings)
      for (const { state: settings } of table.values())
        if (
          settings.halt !== undefined &&
          settingsOf(to, environment, settings.flag).state.halt === undefined
        )
          found.push({ environment, flag: settings.flag, begins });
  return found;
}

function warningsAbout(state: ProjectState, target: ProjectState, now: Instant): string[] {
  const warnings = changedHalts(state, target).map(
    ({ flag, environment, begins }) =>
      `${flag} in ${environment} is ${begins ? 'halted again' : 'no longer halted'}`,
  );
  for (const [environment, table] of target.settings)
    for (const { state: settings, version } of table.values()) {
      const missed = settings.scheduledChanges.filter(({ at }) => at <= now).length;
      if (missed > 0 && settingsOf(state, environment, settings.flag).version !== version)
        warnings.push(`scheduled changes of ${settings.flag} in ${environment} are past and left out`);
    }
  for (const { state: key } of state.keys.values())
    if (
      key.revokedAt === undefined &&
      key.environment !== undefined &&
      !target.environments.has(key.environment)
    )
      warnings.push(`key ${key.id} stays, without its environment ${key.environment}`);
  return warnings;
}

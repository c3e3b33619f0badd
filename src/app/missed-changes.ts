import type { Operation } from '../core/change.ts';
import type { Instant } from '../core/model.ts';
import { applyOperations, type ProjectState } from './project-state.ts';
import type { Planned } from './writer.ts';

/** Whether the flag can serve in that environment: neither of them nor the project is archived. */
export function isLiveIn(state: ProjectState, environment: string, flag: string): boolean {
  return (
    state.project?.state.archived === false &&
    state.environments.get(environment)?.state.archived === false &&
    (state.flags.get(flag)?.state.status ?? 'archived') !== 'archived'
  );
}

/**
 * A plan that may bring something back from the archive, and with it drops, and says so, the scheduled changes that
 * fell due meanwhile: they would be made at once, long after their time.
 */
export function withoutMissed(before: ProjectState, planned: Planned, now: Instant): Planned {
  const after = applyOperations(before, planned.operations, before.revision + 1);
  const operations: Operation[] = [];
  const warnings: string[] = [];
  for (const [environment, table] of after.settings)
    for (const { state: settings } of table.values()) {
      const scheduledChanges = settings.scheduledChanges.filter(({ at }) => at > now);
      const { flag } = settings;
      if (scheduledChanges.length === settings.scheduledChanges.length) continue;
      if (isLiveIn(before, environment, flag) || !isLiveIn(after, environment, flag)) continue;
      const state = { ...settings, scheduledChanges, updatedAt: now };
      operations.push({ op: 'put', object: { kind: 'settings', environment, state } });
      warnings.push(`scheduled changes of ${flag} in ${environment} are past and were dropped`);
    }
  return {
    operations: [...planned.operations, ...operations],
    warnings: [...(planned.warnings ?? []), ...warnings],
  };
}

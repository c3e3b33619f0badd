import { compileFlag } from '../../core/compile-flag.ts';
import { FlagError } from '../../core/errors.ts';
import type { Limits } from '../../core/limits.ts';
import type { FlagSettings, Instant, Rule } from '../../core/model.ts';
import { type Snapshot, updateSnapshot } from '../../core/snapshot.ts';
import { checkOperations } from '../check-operations.ts';
import { snapshotOf } from '../environment-snapshot.ts';
import { createRule, updateRule } from '../manage/rules.ts';
import { type SettingsAt, updateSettings } from '../manage/settings.ts';
import { applyOperations, type ProjectState, settingsOf } from '../project-state.ts';
import type { Plan } from '../writer.ts';

/** What an environment would be like after a change that nobody has made. */
export interface Candidate {
  readonly snapshot: Snapshot;
  readonly state: ProjectState;
  /** What whoever makes the change would be warned of. */
  readonly warnings: readonly string[];
}

/** What a change of this flag would lead to. Throws what the writer would refuse it with. */
export function candidateOf(
  state: ProjectState,
  today: Snapshot,
  { environment, flag: key }: SettingsAt,
  plan: Plan,
  now: Instant,
  limits: Limits,
): Candidate {
  const { operations, warnings = [] } = plan(state, now);
  const after = applyOperations(state, operations, state.revision + 1);
  checkOperations(state, after, operations, limits);
  const flag = after.flags.get(key);
  const settings = settingsOf(after, environment, key);
  const upserts =
    flag === undefined || operations.length === 0
      ? []
      : [compileFlag(flag.state, settings.state, Math.max(flag.version, settings.version))];
  const snapshot = updateSnapshot(today, { revision: today.revision, flags: { upserts } });
  return { snapshot, state: after, warnings };
}

/** Everything as it was in this state. Throws `not_found` if there was no such environment. */
export function formerCandidate(state: ProjectState, environment: string): Candidate {
  if (state.project === undefined || !state.environments.has(environment))
    throw new FlagError(
      'not_found',
      `there was no environment ${environment} at revision ${state.revision}`,
      {
        reason: 'ENVIRONMENT_NOT_FOUND',
        resource: `projects/${state.key}/environments/${environment}`,
      },
    );
  return { snapshot: snapshotOf(state, environment), state, warnings: [] };
}

/** Other settings, but for halt and scheduled changes, which have calls of their own. */
export function otherSettings(at: SettingsAt, next: FlagSettings): Plan {
  return updateSettings(at, ({ state: { halt, scheduledChanges } }) => {
    const { halt: _ignored, ...rest } = next;
    return { ...rest, flag: at.flag, scheduledChanges, ...(halt && { halt }) };
  });
}

/** This rule in place of the one with its id, or else as a new one. */
export function otherRule(at: SettingsAt, rule: Rule): Plan {
  return (state, now) => {
    const { rules } = settingsOf(state, at.environment, at.flag).state;
    const isKnown = rules.some(({ id }) => id === rule.id);
    return (isKnown ? updateRule(at, rule) : createRule(at, rule))(state, now);
  };
}

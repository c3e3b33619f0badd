import type { Context } from '../core/context.ts';
import { FlagError } from '../core/errors.ts';
import { explain, type TraceStep } from '../core/explain.ts';
import type { FlagSettings } from '../core/model.ts';
import type { Outcome } from '../core/outcome.ts';
import { decide } from './decisions.ts';
import { snapshotOf } from './environment-snapshot.ts';
import { type ProjectState, settingsOf } from './project-state.ts';
import { segmentsNamedIn } from './references.ts';

export interface Asked {
  readonly environment: string;
  readonly flag: string;
  readonly context: Context;
  readonly nowMs: number;
  readonly explain: boolean;
}

/**
 * What somebody got, and why if asked, with the project in this state. Rejects with `not_found` for an environment
 * that did not exist and with `failed_precondition` for one that nobody could evaluate in.
 */
export function evaluateIn(
  state: ProjectState,
  { environment, flag, context, nowMs, explain: explained }: Asked,
): { outcome: Outcome; steps: readonly TraceStep[] } {
  expectServed(state, environment);
  const snapshot = snapshotOf(neededFor(state, environment, flag), environment);
  const outcome = decide(snapshot, flag, context, nowMs, false);
  return { outcome, steps: explained ? explain(snapshot, flag, context, nowMs).steps : [] };
}

function expectServed(state: ProjectState, environment: string): void {
  const resource = `projects/${state.key}/environments/${environment}`;
  const found = state.project && state.environments.get(environment);
  if (state.project === undefined || found === undefined)
    throw new FlagError('not_found', `there was no ${resource} at revision ${state.revision}`, {
      reason: 'ENVIRONMENT_NOT_FOUND',
      resource,
    });
  if (state.project.state.archived || found.state.archived)
    throw new FlagError('failed_precondition', `${resource} was archived at revision ${state.revision}`, {
      reason: 'ARCHIVED',
      resource,
    });
}

/** The state without the flags and segments that this flag does not depend on, so that only few are compiled. */
function neededFor(state: ProjectState, environment: string, flag: string): ProjectState {
  const flags = new Set([flag]);
  const segments = new Set<string>();
  for (const key of flags) {
    const { state: settings } = settingsOf(state, environment, key);
    for (const prerequisite of settings.prerequisites) flags.add(prerequisite.flag);
    for (const segment of segmentsOf(settings)) segments.add(segment);
  }
  for (const key of segments) {
    const condition = state.segments.get(key)?.state.condition;
    if (condition !== undefined) for (const segment of segmentsNamedIn(condition)) segments.add(segment);
  }
  return { ...state, flags: only(state.flags, flags), segments: only(state.segments, segments) };
}

function* segmentsOf(settings: FlagSettings): Generator<string> {
  for (const { condition } of settings.rules) if (condition !== undefined) yield* segmentsNamedIn(condition);
}

function only<T>(table: ReadonlyMap<string, T>, keys: ReadonlySet<string>): ReadonlyMap<string, T> {
  return new Map([...table].filter(([key]) => keys.has(key)));
}

import type { FlagSettings, Guard, Instant, Rule } from '../../core/model.ts';
import { isLiveIn } from '../missed-changes.ts';
import type { ProjectState } from '../project-state.ts';
import { weightOf } from './judge.ts';

/** A rule that somebody watches over. */
export interface Post {
  readonly project: string;
  readonly environment: string;
  readonly flag: string;
  readonly rule: Rule;
  readonly guard: Guard;
  readonly since: Instant;
  readonly defaultVariation: string;
}

/** Names the stage that a post is at: another one once the guard has moved, or begun anew. */
export function stageOf({ project, environment, flag, rule, since }: Post): string {
  return `${project}:${environment}:${flag}:${rule.id}:${since}`;
}

/** All that there are in a project at the moment. */
export function postsIn(state: ProjectState): Post[] {
  return [...state.settings].flatMap(([environment, table]) =>
    [...table.values()].flatMap(({ state: settings }) => postsOf(state, environment, settings)),
  );
}

/** Those of one flag: none while it serves nobody. A guard that rests may still step back, as long as anybody is in. */
export function postsOf(state: ProjectState, environment: string, settings: FlagSettings): Post[] {
  const flag = state.flags.get(settings.flag)?.state;
  const isServing = settings.enabled && settings.halt === undefined && flag?.status === 'active';
  if (flag === undefined || !isServing || !isLiveIn(state, environment, flag.key)) return [];
  const defaultVariation = settings.defaultVariation ?? flag.defaultVariation;
  return settings.rules.flatMap((rule) => {
    const { guard, guardState, ramp } = rule;
    if (guard === undefined || guardState === undefined) return [];
    if (guardState.status === 'resting' && ramp === undefined && weightOf(rule, 0) === 0) return [];
    const { since } = guardState;
    return [{ project: state.key, environment, flag: flag.key, rule, guard, since, defaultVariation }];
  });
}

import type { Violation } from '../checks/check.ts';
import { violationsIn } from '../checks/checker.ts';
import { settledAt } from '../checks/i09-converged.ts';
import { activityIn, checkMeaning, type Least } from '../checks/i16-meant.ts';
import type { Fleet } from '../fleet/fleet.ts';
import { playScene } from '../fleet/scene.ts';
import type { Scenario } from './scenario.ts';

export interface Performance {
  readonly violations: readonly Violation[];
  readonly seen: Least;
  readonly revisions: number;
  /** From the last fault, or change, until every replica was at the head; Infinity if one never was. */
  readonly convergedMs: number;
}

/** Plays a scenario in a fleet and checks everything that was seen. Rejects if the scenario itself demands more. */
export async function perform(
  fleet: Fleet,
  scenario: Scenario,
  options: { readonly seed: number; readonly stretch: number; readonly convergeWithinMs: number },
): Promise<Performance> {
  const cast = scenario.cast ?? {};
  const history = await playScene(fleet, { ...options, cast }, (scene) =>
    scenario.play(scene, options.stretch),
  );
  const { only } = scenario;
  const all = [...violationsIn(history), ...checkMeaning(history, scenario.least)];
  return {
    violations: only === undefined ? all : all.filter(({ invariant }) => only.includes(invariant)),
    seen: activityIn(history),
    revisions: history.log.length,
    convergedMs: Math.max(...history.finals.map(({ reachedAt }) => reachedAt)) - settledAt(history),
  };
}

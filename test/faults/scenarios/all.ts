import { BUS } from './bus.ts';
import { CONTENTION } from './contention.ts';
import { DAMAGE } from './damage.ts';
import { DEATHS } from './deaths.ts';
import { POISON } from './poison.ts';
import type { Scenario } from './scenario.ts';
import { STORE } from './store.ts';
import { WATCHERS } from './watchers.ts';

/** Every scenario, by its name. */
export const SCENARIOS: ReadonlyMap<string, Scenario> = new Map(
  [...DEATHS, ...BUS, ...STORE, ...DAMAGE, POISON, ...WATCHERS, ...CONTENTION].map((scenario) => [
    scenario.name,
    scenario,
  ]),
);

export function scenarioNamed(name: string): Scenario {
  const scenario = SCENARIOS.get(name);
  if (scenario === undefined)
    throw new Error(`no scenario ${name}; there are ${[...SCENARIOS.keys()].join(', ')}`);
  return scenario;
}

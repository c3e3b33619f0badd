import type { Invariant } from '../checks/check.ts';
import type { Least } from '../checks/i16-meant.ts';
import type { Cast } from '../fleet/cast.ts';
import type { Scene } from '../fleet/scene.ts';

/** Something bad that can happen to a fleet, and what has to be true while it does. */
export interface Scenario {
  /** As docs/faults.md lists them. */
  readonly name: string;
  readonly fault: string;
  readonly cast?: Partial<Cast>;
  /** What has to have happened in a short run, for it to mean anything. A long one: so many times as much. */
  readonly least: Least;
  /** Where history itself is lost, the other invariants mean nothing. Default: all. */
  readonly only?: readonly Invariant[];
  /** `stretch` is 1 for a short run, and more for longer windows and more rounds. Throws if something is not as it should be. */
  play(scene: Scene, stretch: number): Promise<void>;
}

/** Does something so many times. */
export async function rounds(count: number, work: (round: number) => Promise<void>): Promise<void> {
  for (let round = 0; round < count; round++) await work(round);
}

/** Throws unless it is so: for what a scenario demands besides the invariants. */
export function demand(isSo: boolean, what: string): asserts isSo {
  if (!isSo) throw new Error(`it is not so that ${what}`);
}

/** Resolves as soon as it is so; rejects after so long. */
export async function until(
  what: string,
  isSo: () => boolean | Promise<boolean>,
  withinMs = 15_000,
): Promise<void> {
  const untilMs = performance.now() + withinMs;
  while (!(await isSo())) {
    if (performance.now() > untilMs) throw new Error(`it took longer than ${withinMs} ms until ${what}`);
    await new Promise((resume) => setTimeout(resume, 20));
  }
}

export const SOME: Least = { operations: 15, operationsInFaults: 2, resumes: 1, evaluations: 10 };

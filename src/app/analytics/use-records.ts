import type { FlagSettings } from '../../core/model.ts';
import type { ProjectState } from '../project-state.ts';

const NAMED = 10;

/** What evaluations say of whether flags are used, and what they cannot say. */
export interface RecordsOfUse {
  /** By a flag, the flags that are not archived and have it as a prerequisite, in code point order. */
  readonly prerequisiteOf: ReadonlyMap<string, readonly string[]>;
  /** Flags of which not everything is recorded. */
  readonly unrecorded: ReadonlySet<string>;
  /** The environment records nothing. */
  readonly isOff: boolean;
}

/** Of an environment as it is. */
export function recordsOf(state: ProjectState, environment: string): RecordsOfUse {
  const prerequisiteOf = new Map<string, string[]>();
  const unrecorded = new Set<string>();
  const settings = [...(state.settings.get(environment)?.values() ?? [])].map((stored) => stored.state);
  for (const { flag, prerequisites, rules } of settings.toSorted((a, b) => (a.flag < b.flag ? -1 : 1))) {
    if (isPartly(rules)) unrecorded.add(flag);
    if (state.flags.get(flag)?.state.status === 'archived') continue;
    for (const { flag: asked } of prerequisites)
      prerequisiteOf.set(asked, [...(prerequisiteOf.get(asked) ?? []), flag]);
  }
  const isOff = state.environments.get(environment)?.state.recording?.disabled === true;
  if (isOff) for (const flag of state.flags.keys()) unrecorded.add(flag);
  return { prerequisiteOf, unrecorded, isOff };
}

/** Why flags may be in use that are not known to be. */
export function warningsOnUse({ unrecorded, isOff }: RecordsOfUse): string[] {
  if (isOff) return ['this environment does not record evaluations at present: nobody knows what is in use'];
  const flags = [...unrecorded].sort();
  if (flags.length === 0) return [];
  const more = flags.length > NAMED ? ` and ${flags.length - NAMED} more` : '';
  return [`what some rules decide is not recorded, of ${flags.slice(0, NAMED).join(', ')}${more}`];
}

function isPartly(rules: FlagSettings['rules']): boolean {
  return rules.some(({ recordExposures }) => !recordExposures);
}

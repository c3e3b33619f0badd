import type { CompiledFlag } from './compile-flag.ts';
import { type Flag, initialSettings } from './model.ts';
import { outcomeMaker, valueless } from './outcomes.ts';

/**
 * Stands in for a flag of which this build understands too little to evaluate it: answers `PARSE_ERROR`, with the
 * flag's default variation if at least that much is known.
 */
export function brokenFlag(key: string, version: number, problem: string, known?: Flag): CompiledFlag {
  const flag = known ?? unknownFlag(key);
  const outcome =
    known === undefined
      ? valueless(key, 'PARSE_ERROR', problem, version)
      : outcomeMaker(known, known.defaultVariation, version, false).fail('PARSE_ERROR', problem);
  return {
    ...{ key, flag, settings: initialSettings(key), version, clientVisible: flag.clientVisible, problem },
    ...{ changeTimes: [], references: { flags: [], segments: [] } },
    ...{ decide: undecided, decideReleased: undecided },
    ...{ fallback: outcome, failed: outcome, unreadable: outcome },
  };
}

function undecided(): undefined {}

function unknownFlag(key: string): Flag {
  return {
    ...{ key, name: '', description: '', tags: [], owner: '', type: 'boolean', variations: [] },
    ...{ defaultVariation: '', status: 'active', clientVisible: false, temporary: false },
    ...{ createdAt: '', updatedAt: '' },
  };
}

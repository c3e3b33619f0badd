import { checkText, checkUnique, violationsOf } from './checks.ts';
import type { Violation } from './errors.ts';
import type { Limits } from './limits.ts';
import type { Recording } from './model.ts';

const MOST_ATTRIBUTES = 50;

/** What is wrong with how an environment wants to be recorded. */
export function validateRecording(recording: Recording | undefined, limits: Limits): Violation[] {
  const names = recording?.keptAttributes ?? [];
  return violationsOf((report) => {
    const path = (index: number) => `recording.kept_attributes[${index}]`;
    if (names.length > MOST_ATTRIBUTES)
      report('recording.kept_attributes', `must be at most ${MOST_ATTRIBUTES}`);
    checkUnique(names, path, report);
    for (const [index, name] of names.entries()) {
      if (name === '') report(path(index), 'must not be empty');
      checkText(name, path(index), limits, report);
    }
  });
}

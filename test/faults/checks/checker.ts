import type { History } from '../history/history.ts';
import { type Check, type Invariant, knownOf, type Violation } from './check.ts';
import { checkLog } from './i01-log.ts';
import { checkExactlyOnce } from './i02-exactly-once.ts';
import { checkRealTime } from './i03-real-time.ts';
import { checkLostUpdates } from './i04-lost-update.ts';
import { checkMonotone } from './i05-monotone.ts';
import { checkConsistency } from './i06-consistent.ts';
import { checkResumption } from './i07-resumed.ts';
import { checkConvergence } from './i09-converged.ts';
import { checkStaleness } from './i10-staleness.ts';
import { checkEvaluations } from './i11-evaluated.ts';
import { checkAudit } from './i12-audited.ts';
import { checkSoundness } from './i15-sound.ts';

const CHECKS: readonly Check[] = [
  checkLog,
  checkExactlyOnce,
  checkRealTime,
  checkLostUpdates,
  checkMonotone,
  checkConsistency,
  checkResumption,
  checkConvergence,
  checkStaleness,
  checkEvaluations,
  checkAudit,
  checkSoundness,
];

const MOST_PER_CHECK = 10;

/** Everything in a history that must not be; of each kind the first ten. Whether enough happened is another question. */
export function violationsIn(history: History): Violation[] {
  const known = knownOf(history.log);
  return CHECKS.flatMap((check) => [...firstOf(check(history, known), MOST_PER_CHECK)]);
}

/** The invariants that were broken, each once. */
export function brokenIn(violations: readonly Violation[]): Invariant[] {
  return [...new Set(violations.map(({ invariant }) => invariant))];
}

function* firstOf<T>(all: Iterable<T>, most: number): Generator<T> {
  let left = most;
  for (const one of all) {
    if (left-- === 0) return;
    yield one;
  }
}

import type { EvaluationSeen } from '../history/history.ts';
import { decisionIn, Replay } from '../history/replay.ts';
import type { Check } from './check.ts';

/** I11: an evaluation answers what the definitions of the revision that it names are worth, on every replica. */
export const checkEvaluations: Check = function* ({ evaluations, log }) {
  const byRevision = new Map<number, EvaluationSeen[]>();
  for (const evaluation of evaluations) {
    if (evaluation.code !== undefined) continue;
    const same = byRevision.get(evaluation.revision) ?? [];
    byRevision.set(evaluation.revision, same);
    same.push(evaluation);
  }
  const replay = new Replay();
  for (const change of log) {
    replay.apply(change);
    const seen = byRevision.get(change.revision) ?? [];
    byRevision.delete(change.revision);
    const snapshots = new Map(
      [...new Set(seen.map(({ environment }) => environment))].map((environment) => [
        environment,
        replay.snapshot(environment),
      ]),
    );
    for (const { replica, environment, flag, context, revision, witness } of seen) {
      const snapshot = snapshots.get(environment);
      const expected = snapshot && decisionIn(snapshot, flag, context).witness;
      if (witness !== expected)
        yield {
          invariant: 'I11',
          message: `${replica} says at revision ${revision} that ${flag} is ${witness}, but it is ${expected}`,
        };
    }
  }
  for (const [revision, [first]] of byRevision)
    yield {
      invariant: 'I11',
      message: `${first?.replica} answers at revision ${revision}, which the log does not have`,
    };
};
